package storm

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/ring/counter"
)

func made(kind Kind) *Result {
	o := Options{Kind: kind}
	if err := o.setDefaults(); err != nil {
		panic(err) // the defaults are not what they should be
	}
	return &Result{
		Options: o, Alone: 20e6,
		Calm: Phase{Time: 2 * time.Second, Sent: 20e6, Received: 20e6},
		Storm: Phase{
			Time: 2 * time.Second, Sent: 20e6, Received: 20e6 - 10_000, New: 400_000, NewReceived: 380_000, Mallocs: 800, Changed: 60_000,
			SlowPath: []counter.Sample{{Desc: counter.Desc{Name: "served"}, Value: 2000}},
		},
	}
}

func TestAPhaseInWhichTheWorkerGotAnotherThreadSaysNothing(t *testing.T) {
	p := Phase{Time: time.Second, Sent: 100, Received: 50, Ran: time.Second}
	if err := Fair(&p); err != nil {
		t.Fatal(err)
	}
	p.Moves = 1
	if Fair(&p) == nil {
		t.Error("it counts")
	}
}

func TestStormsAreKept(t *testing.T) {
	for _, tt := range []struct {
		kind  Kind
		row   string
		wants map[string]float64
	}{
		{Tuples, "200000 new flows a second, " + Tuples.String(), map[string]float64{measureLost: 0.0005, measureCalm: 0, measureOffered: 10e6, measureAlone: 20e6, measureForwarded: 190_000, measureObjects: 0.002}},
		{Changes, "changes of 100000 rules", map[string]float64{measureLost: 0.0005, measureCalm: 0, measureOffered: 10e6, measureAlone: 20e6, measureChanged: 30_000}},
	} {
		r := made(tt.kind)
		book, err := result.Open("", result.Run{Program: "storm", Title: "storms"})
		if err != nil {
			t.Fatal(err)
		}
		if err := book.Add(r.Row("v1"), r.Window(1)); err != nil {
			t.Fatal(err)
		}
		w := book.Rows[0].Windows[0]
		if err := book.Check(); err != nil || book.Rows[0].Name != tt.row || !book.Has(r.RowName(), "culvert", 1, 0) || len(w.Figures) != len(tt.wants) {
			t.Errorf("kept as %+v, %v", book.Rows, err)
		}
		for name, want := range tt.wants {
			if got := w.Figures[name]; math.Abs(got-want) > 1e-9*want {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		if w.Limited || w.Disturbed != "" || !strings.Contains(w.Note, "served 1000/s") {
			t.Errorf("%+v", w)
		}
	}
}

func TestStormsThatSayNothingOfTheSwitchAreMarked(t *testing.T) {
	for want, change := range map[string]func(*Phase){
		"kept off its CPU for 5.00 %": func(p *Phase) { p.Waited = 100 * time.Millisecond },
		"sent only 50 %":              func(p *Phase) { p.Late = p.Sent },
		"from the phase before":       func(p *Phase) { p.Received = p.Sent + 1 },
	} {
		r := made(MACs)
		change(&r.Storm)
		if w := r.Window(1); !strings.Contains(w.Disturbed, want) || w.Figures[measureLost] < 0 {
			t.Errorf("%+v, want that it is marked: %s", w, want)
		}
	}
	r := made(MACs)
	if r.Storm.NewReceived = r.Storm.New; !r.Window(1).Limited {
		t.Error("all new flows passed: the switch may do more")
	}
	r = made(Changes)
	if r.Storm.Changed = 100_000; !r.Window(1).Limited {
		t.Error("all changes were made: the switch may do more")
	}
}

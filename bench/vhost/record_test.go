package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

func TestAPlanHasTheCellsThatWereAskedFor(t *testing.T) {
	cells, err := plan("split,packed", "64,1518", "0,1")
	if err != nil || len(cells) != 8 || cells[0] != (cell{"split", 64, "no look-up"}) || cells[7] != (cell{"packed", 1518, "rule on the port alone"}) {
		t.Errorf("got %v, %v", cells, err)
	}
	for _, wrong := range [][3]string{{"round", "64", ""}, {"split", "63", ""}, {"split", "9000", ""}, {"split", "x", ""}, {"split", "64", "11"}, {"split", "1518", "7"}} {
		if cells, err := plan(wrong[0], wrong[1], wrong[2]); err == nil {
			t.Errorf("%q: got %v, want an error", wrong, cells)
		}
	}
}

// window makes a sample of a rate in Mpps, with a distance before and after and the share others used.
func window(contender string, turn int, rate float64, before, after machine.Distance, used float64) sample {
	return sample{
		cell: cell{"split", 64, "rule on the port alone"}, Contender: contender, Round: 1, Turn: turn,
		AsSaid: 1, Rate: rate * 1e6, Distance: [2]machine.Distance{before, after}, Used: [2]float64{0, used},
	}
}

func TestWindowsAreKeptWithAllThatIsKnownOfThem(t *testing.T) {
	const hertz = 2e9
	b := &bench{options: options{ports: "gather: 0s", extra: "\ncaches: {flows: 9}\n"}}
	busy := window("culvert", 3, 10, 70, 400, 0.5)
	busy.Cycles, busy.Stages = 190, []stage{{"parse", 0.5, 95}}
	idle := window("ovs", 1, 10, 70, 80, 0)
	idle.Cycles, idle.AsSaid = 100, 0.5
	single := window("culvert", 0, 0.01, 70, 80, 0)
	single.Cycles, single.Half, single.Most = 100, 3*time.Microsecond, 9*time.Microsecond
	for _, c := range []struct {
		name string
		s    sample
		want result.Window
	}{
		{"a busy switch, others at work", busy, result.Window{
			Class: "mixed", Distance: []float64{70, 400}, Others: []float64{0, 0.5}, Disturbed: "others used 0 and 50 %, the switch waited 0 % of the time",
			Figures: map[string]float64{measureRate: 1e7, measureCPU: 0, measureCycles: 190}, Stages: []result.Stage{{Name: "parse", Cycles: 95}}}},
		{"an idle one, which looks up otherwise", idle, result.Window{
			Class: "near", Distance: []float64{70, 80}, Others: []float64{0, 0}, Limited: true, LeftOut: "looked up otherwise than the row says",
			Figures: map[string]float64{measureRate: 1e7, measureCPU: 0, measureCycles: 100}}},
		{"single packets", single, result.Window{
			Class: "near", Distance: []float64{70, 80}, Others: []float64{0, 0}, Latency: []result.Percentile{{Percent: 50, Ns: 3000}, {Percent: 99, Ns: 9000}}}},
	} {
		c.want.Contender, c.want.Round, c.want.Turn = c.s.Contender, c.s.Round, c.s.Turn
		if got := c.s.result(hertz); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v\nwant %+v", c.name, got, c.want)
		}
		book, err := result.Open("", b.options.run(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := book.Add(b.result(c.s.cell, c.s), c.s.result(hertz)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	row := b.result(cell{"split", 64, "exact match, 1024 flows"}, busy)
	want := []string{"gather: 0s", "caches: {flows: 9}"}
	if row.Traffic.Task != "exact match" || row.Traffic.Flows != 1024 || row.Traffic.FrameBytes != 60 || !reflect.DeepEqual(row.Contenders[0].Config, want) {
		t.Errorf("got %+v", row)
	}
}

package suite

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// rowOf returns a row by its ID.
func rowOf(t *testing.T, id string) *Row {
	t.Helper()
	found, err := choose(Rows(), []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return &found[0]
}

// sampleOf makes a window of a rate in Mpps, with a distance before and after and the share others used.
func sampleOf(at Cell, contender string, turn int, rate float64, before, after machine.Distance, used float64) sample {
	return sample{
		Cell: at, Contender: contender, Version: "v1", Round: 1, Turn: turn, Distance: [2]machine.Distance{before, after}, Used: [2]float64{0, used},
		Found: Found{AsSaid: 1, Figures: map[string]float64{measureRate: rate * 1e6}},
	}
}

func TestWindowsAreKeptWithAllThatIsKnownOfThem(t *testing.T) {
	port, single := Cell{rowOf(t, "port"), "split", 64}, Cell{rowOf(t, "latency"), "split", 64}
	busy := sampleOf(port, "culvert", 3, 10, 70, 400, 0.5)
	busy.Stages = []result.Stage{{Name: "parse", Cycles: 95}}
	idle := sampleOf(port, "ovs", 1, 10, 70, 80, 0)
	idle.Limited, idle.AsSaid = true, 0.5
	probed := sampleOf(single, "culvert", 0, 0, 70, 80, 0)
	probed.Figures, probed.Latency = nil, []result.Percentile{{Percent: 50, Ns: 3000}, {Percent: 99, Ns: 9000}}
	for _, c := range []struct {
		name string
		s    sample
		want result.Window
	}{
		{"a busy switch, others at work", busy, result.Window{
			Class: "mixed", Distance: []float64{70, 400}, Others: []float64{0, 0.5}, Disturbed: "others used 0 and 50 %, the switch waited for them 0 % of the time",
			Figures: map[string]float64{measureRate: 1e7}, Stages: []result.Stage{{Name: "parse", Cycles: 95}}}},
		{"an idle one, which looks up otherwise", idle, result.Window{
			Class: "near", Distance: []float64{70, 80}, Others: []float64{0, 0}, Limited: true, LeftOut: "looked up otherwise than the row says",
			Figures: map[string]float64{measureRate: 1e7}}},
		{"single packets", probed, result.Window{
			Class: "near", Distance: []float64{70, 80}, Others: []float64{0, 0}, Latency: []result.Percentile{{Percent: 50, Ns: 3000}, {Percent: 99, Ns: 9000}}}},
	} {
		c.want.Contender, c.want.Round, c.want.Turn = c.s.Contender, c.s.Round, c.s.Turn
		if got := c.s.result(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v\nwant %+v", c.name, got, c.want)
		}
		book, err := result.Open("", new(Options).run(nil, nil, []string{"ovs: not installed"}))
		if err != nil {
			t.Fatal(err)
		}
		if err := book.Add(c.s.row(), c.s.result()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var line strings.Builder
		if c.s.print(&line); !strings.Contains(line.String(), ", "+c.s.Contender+" v1\n") {
			t.Errorf("%s: %s", c.name, line.String())
		}
	}
	many := sampleOf(Cell{rowOf(t, "ip-1024"), "packed", 64}, "culvert", 0, 1, 70, 70, 0)
	if got := many.row(); got.Name != "packed, 64 bytes, rules on IP, 1024 flows" || got.Traffic.Task != "rules on IP" || got.Traffic.Flows != 1024 || got.Traffic.FrameBytes != 60 {
		t.Errorf("got %+v", got)
	}
}

func TestWhoDisturbedAWindow(t *testing.T) {
	for _, c := range []struct {
		name              string
		used, waited, own float64
		want              bool
	}{
		{"nobody", 0.05, 0.019, 0, false},
		{"others, before or after", 0.1, 0, 0, true},
		{"something that had the switch's CPU", 0, 0.02, 0, true},
		{"the row's own packets", 0, 0.06, 0.05, false},
		{"others beside the row's own packets", 0, 0.06, 0.03, true},
	} {
		s := sampleOf(Cell{rowOf(t, "afxdp-tcp"), "split", 64}, "culvert", 0, 1, 70, 70, c.used)
		s.Waited, s.OwnWait = c.waited, c.own
		if w := s.result(); (w.Disturbed != "") != c.want || w.Waited != c.waited || w.OwnWait != c.own {
			t.Errorf("%s: kept as %+v, want it disturbed: %v", c.name, w, c.want)
		}
	}
}

func TestWhatTheKernelHandlesForARowIsNoDisturbance(t *testing.T) {
	for _, c := range []struct {
		name           string
		waited, inSoft time.Duration
		all, own       float64
	}{
		{"nobody ran", 0, 0, 0, 0},
		{"soft interrupts had the CPU", 60 * time.Millisecond, 60 * time.Millisecond, 0.06, 0.06},
		{"others had it, too", 60 * time.Millisecond, 20 * time.Millisecond, 0.06, 0.02},
		{"soft interrupts ran while the switch slept", 10 * time.Millisecond, 500 * time.Millisecond, 0.01, 0.01},
	} {
		s := share{took: time.Second, thread: machine.Spent{Waited: c.waited}, inThread: c.inSoft}
		if all, own := s.waits(); all != c.all || own != c.own {
			t.Errorf("%s: waited for %v, %v of it for the row's own packets; want %v, %v", c.name, all, own, c.all, c.own)
		}
	}
}

func TestWhoWasTheLimit(t *testing.T) {
	for _, c := range []struct {
		name         string
		cycles, rate float64
		want         bool
	}{
		{"a switch that is always busy", 100, 2e7, false},
		{"one that waits for packets", 100, 1.7e7, true},
		{"one that does not say", 0, 2e7, true},
	} {
		if got := limited(c.cycles, c.rate, 2e9); got != c.want {
			t.Errorf("%s: the generator was the limit: %v, want %v", c.name, got, c.want)
		}
	}
}

// A search takes minutes, in which the machine may have been elsewhere before and after.
func TestAWindowIsOfTheStateInWhichItsFiguresWereTaken(t *testing.T) {
	s := sampleOf(Cell{rowOf(t, "throughput"), "split", 64}, "culvert", 0, 10, 70, 80, 0)
	s.Probes = []float64{400, 420}
	w := s.result()
	if w.Class != "far" || !reflect.DeepEqual(w.Distance, s.Probes) || !s.good() {
		t.Errorf("class %s by %v, want far by %v", w.Class, w.Distance, s.Probes)
	}
	s.Probes = []float64{70, 420}
	if s.good() {
		t.Error("a window during whose measurement the machine changed is as good as any")
	}
	var said strings.Builder
	s.print(&said)
	if !strings.Contains(said.String(), "CPUs mixed, cache line 70 and 420 ns") {
		t.Errorf("it says %q", said.String())
	}
}

package gen

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newGenerator returns a generator with the ports a and b, and behind them, as the ends of a switch, sa and sb.
func newGenerator(t *testing.T) *Generator {
	t.Helper()
	g, err := New(Options{})
	must(t, err)
	t.Cleanup(func() { must(t, g.Close()) })
	for _, name := range []string{"a", "b"} {
		for _, end := range []string{name, "s" + name} {
			must(t, g.Open(t.Context(), port.Spec{Name: end, Type: "memory", Options: map[string]string{"link": name, "mtu": "9000", "ring-size": "4096"}}))
		}
	}
	return g
}

// simulate runs a switch from sa to sb until the test ends. treat is called of each frame, and appends to out what becomes of
// it: it owns the frame, and may keep it for a later call.
func simulate(t *testing.T, g *Generator, treat func(n int, f frame.Frame, c *frame.Cache, out *frame.Batch)) {
	t.Helper()
	sa, err := g.Get("sa")
	must(t, err)
	sb, err := g.Get("sb")
	must(t, err)
	c, err := g.pool.NewCache()
	must(t, err)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer c.Close()
		var in, out frame.Batch
		for n := 0; ; {
			select {
			case <-stop:
				return
			default:
			}
			if sa.RxQueues()[0].Recv(&in) == 0 {
				time.Sleep(20 * time.Microsecond)
				continue
			}
			for _, f := range in.Frames() {
				treat(n, f, c, &out)
				n++
				if out.Room() < 2 {
					sb.TxQueues()[0].Send(&out)
				}
			}
			in.Reset()
			sb.TxQueues()[0].Send(&out)
			sb.TxQueues()[0].Flush()
		}
	})
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
	})
}

// job is 4,000 frames in about 40 ms, on a machine that others use too: what is late is made good for.
func job() Job {
	return Job{
		Streams: []Stream{{From: "a", To: "b", Rate: 100_000, Count: 4000, Spec: stream.Spec{Flows: 10}}},
		Time:    Duration(30 * time.Second), Rest: true, CatchUp: Duration(time.Minute), Linger: Duration(20 * time.Second),
	}
}

func TestASwitchThatLosesNothing(t *testing.T) {
	for name, cpus := range map[string][]int{"one thread": nil, "two threads": {0, 0}} {
		t.Run(name, func(t *testing.T) {
			g := newGenerator(t)
			simulate(t, g, func(_ int, f frame.Frame, _ *frame.Cache, out *frame.Batch) { out.Append(f) })
			j := job()
			j.CPUs = cpus
			j.Interval = Duration(10 * time.Millisecond)
			for range 2 { // a second run has nothing to do with the first
				r, err := g.Run(t.Context(), j, nil)
				must(t, err)
				s := r.Streams[0]
				if s.Offered != 4000 || s.Received != 4000 || s.Lost+s.Refused+s.Duplicates+s.Reordered+s.Lag.Skipped != 0 {
					t.Errorf("%+v", s)
				}
				if s.Latency.Count < 60 || s.Latency.Min <= 0 || s.First == 0 || s.Firsts == nil || s.Silence == 0 {
					t.Errorf("latency %+v, of the first frame %d, silence %d", s.Latency, s.First, s.Silence)
				}
				if a, b := sum(s.OfferedEach), sum(s.Course); a != 4000 || b != 4000 {
					t.Errorf("the course has %d frames offered, %d received", a, b)
				}
				if r.Ports[1].Others.Frames != 0 || r.Ports[0].Drops != nil || len(r.Threads) != max(1, len(cpus)) {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func sum(list []uint64) (n uint64) {
	for _, v := range list {
		n += v
	}
	return n
}

func TestWhatASwitchDoesIsSeen(t *testing.T) {
	g := newGenerator(t)
	var kept frame.Frame
	simulate(t, g, func(n int, f frame.Frame, c *frame.Cache, out *frame.Batch) {
		switch n % 100 {
		case 10, 20: // lost
			c.Put(f)
			return
		case 30: // twice
			if dup, ok := c.Copy(f); ok {
				out.Append(dup)
			}
		case 40: // four places later
			kept = f
			return
		case 44:
			out.Append(f)
			f = kept
		case 50: // no more what it was
			clear(g.pool.Bytes(f))
		}
		out.Append(f)
	})
	j := job()
	j.Linger = Duration(3 * time.Second) // what is lost is waited for
	r, err := g.Run(t.Context(), j, nil)
	must(t, err)
	s := r.Streams[0]
	if s.Offered != 4000 || s.Received != 4000-3*40 || s.Lost != 3*40 || s.Loss != 0.03 || s.Duplicates != 40 || s.Reordered != 40 || s.Extent != 4 || s.Late != 0 {
		t.Errorf("%+v", s)
	}
	if o := r.Ports[1].Others; o.Frames != 40 || o.Bytes != 40*60 {
		t.Errorf("of nobody: %+v", o)
	}
}

func TestStreamsOfAllKindsShareTheirPorts(t *testing.T) {
	g := newGenerator(t)
	simulate(t, g, func(_ int, f frame.Frame, _ *frame.Cache, out *frame.Batch) { out.Append(f) })
	j := job()
	j.Streams[0].Count = 1000
	for _, s := range []stream.Spec{
		{Size: "imix", IPv6: false, VLAN: 5}, {Size: "9000", IPv6: true}, {Tunnel: &stream.Tunnel{Type: "vxlan"}}, {Flows: 1000, Order: "zipf"},
	} {
		j.Streams = append(j.Streams, Stream{From: "a", To: "b", Rate: 10_000, Burst: 10, Count: 200, Spec: s})
	}
	j.Streams = append(j.Streams, Stream{From: "b", To: "a", Rate: 1000, Count: 10}) // nobody forwards that
	j.Linger = Duration(3 * time.Second)
	r, err := g.Run(t.Context(), j, nil)
	must(t, err)
	for i, s := range r.Streams[:5] {
		if s.Offered != s.Received || s.Offered != j.Streams[i].Count || s.Reordered != 0 {
			t.Errorf("stream %d: %+v", i, s)
		}
	}
	if s := r.Streams[5]; s.Offered != 10 || s.Received != 0 || s.Loss != 1 || s.Latency != nil {
		t.Errorf("what nobody forwards: %+v", s)
	}
}

func TestOneStreamFollowsAnother(t *testing.T) {
	g := newGenerator(t)
	j, err := Job{Time: Duration(2 * time.Hour), Streams: []Stream{
		{From: "a", To: "b", Rate: 1, Burst: 2, After: Duration(time.Hour)}, {From: "a", To: "b", After: Duration(time.Hour)}, {From: "a", To: "b", Rate: 1, Until: Duration(time.Hour)},
	}}.withDefaults()
	must(t, err)
	r, err := g.prepare(j)
	must(t, err)
	defer r.close()
	th, now := r.threads[0], r.clock.Cycles()
	offered := func() (n []uint64) {
		for _, s := range r.senders {
			n = append(n, min(s.offered, 2))
		}
		return n
	}
	th.begin(now)
	th.turn(sending, now+1)
	if got := offered(); !slices.Equal(got, []uint64{0, 0, 1}) {
		t.Errorf("at first %v frames, want one of the stream that begins at once", got)
	}
	th.turn(sending, now+r.cycles(time.Hour)+1)
	if got := offered(); !slices.Equal(got, []uint64{2, 2, 1}) {
		t.Errorf("after an hour %v frames, want some of each that goes on or begins", got)
	}
	for _, i := range []int{0, 2} {
		if n := j.Streams[i].frames(2 * time.Hour); n != 3600 {
			t.Errorf("stream %d: %d frames in its hour, want 3600", i, n)
		}
	}
}

func TestWhatIsFloodedIsSeenAtAPortThatIsWatched(t *testing.T) {
	g := newGenerator(t)
	for _, end := range []string{"c", "sc"} {
		must(t, g.Open(t.Context(), port.Spec{Name: end, Type: "memory", Options: map[string]string{"link": "c"}}))
	}
	third := mustGet(t, g, "sc").TxQueues()[0]
	var other frame.Batch
	simulate(t, g, func(n int, f frame.Frame, c *frame.Cache, out *frame.Batch) {
		if n < 100 {
			dup, ok := c.Copy(f)
			if !ok {
				t.Error("no buffer")
			}
			other.Append(dup)
			third.Send(&other)
			third.Flush()
		}
		if n == 0 {
			c.Put(f)
			return
		}
		out.Append(f)
	})
	j := job()
	j.Linger = Duration(3 * time.Second)
	j.Watch = []string{"c"}
	r, err := g.Run(t.Context(), j, nil)
	must(t, err)
	if s := r.Streams[0]; s.Received != 3999 || s.Astray != 100 || s.LastLost != 1 {
		t.Errorf("%+v", s)
	}
	if len(r.Ports) != 3 || r.Ports[2].Name != "c" {
		t.Errorf("%+v", r.Ports)
	}
}

func TestAJobThatIsToldToStopSaysHowFarItCame(t *testing.T) {
	g := newGenerator(t)
	ctx, cancel := context.WithCancel(t.Context())
	simulate(t, g, func(n int, f frame.Frame, _ *frame.Cache, out *frame.Batch) {
		if out.Append(f); n == 100 {
			cancel()
		}
	})
	j := job()
	j.Streams[0].Count = 0
	j.Streams[0].Rate = 10_000
	j.Time = Duration(time.Hour)
	r, err := g.Run(ctx, j, nil)
	must(t, err)
	if s := r.Streams[0]; s.Offered < 100 || s.Received != s.Offered {
		t.Errorf("%+v", s)
	}
}

func TestAPortWithoutCarrierIsNotWaitedForWithoutEnd(t *testing.T) {
	g := newGenerator(t)
	must(t, g.Open(t.Context(), port.Spec{Name: "alone", Type: "memory", Options: map[string]string{"link": "x"}}))
	j := job()
	j.Streams[0].To = "alone"
	j.Wait = Duration(10 * time.Millisecond)
	if _, err := g.Run(t.Context(), j, nil); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "port alone has no carrier") {
		t.Errorf("got %v", err)
	}
}

func TestTheGeneratorMeasuresItselfAndSaysThatItIsTheLimit(t *testing.T) {
	g, err := New(Options{Buffers: 8192})
	must(t, err)
	defer func() { must(t, g.Close()) }()
	r, err := g.Self(t.Context(), Job{Time: Duration(50 * time.Millisecond)})
	must(t, err)
	s := r.Streams[0]
	if s.Received == 0 || s.Received+s.Refused != s.Offered || s.Reordered+s.Duplicates != 0 {
		t.Errorf("%+v", s)
	}
	t.Logf("%.1f million frames a second, %v", s.ReceivedRate/1e6, r.Limits)
	if _, err := g.Get(selfPorts[0]); err == nil {
		t.Error("the ports are still open")
	}
	// A run that comes near what was measured back to back is marked.
	r, err = g.Self(t.Context(), Job{Time: Duration(time.Second), Streams: []Stream{{Rate: 1000, Count: 50}}, Rest: true, CatchUp: Duration(time.Minute)})
	must(t, err)
	if s := r.Streams[0]; s.Received != 50 {
		t.Errorf("%+v", s)
	}
}

func TestLimitsAreNamed(t *testing.T) {
	g := newGenerator(t)
	simulate(t, g, func(_ int, f frame.Frame, _ *frame.Cache, out *frame.Batch) { out.Append(f) })
	j := job()
	j.Ceiling = 1
	r, err := g.Run(t.Context(), j, nil)
	must(t, err)
	if !slices.ContainsFunc(r.Limits, func(l string) bool { return strings.Contains(l, "back to back it was 1") }) {
		t.Errorf("limits %q, want that it was near the ceiling", r.Limits)
	}
	if r.OnlyPace {
		t.Error("near the ceiling it is the sink's limit, too")
	}
	j = job()
	j.Linger = Duration(10 * time.Millisecond)
	j.Streams[0].Rate, j.Streams[0].Count, j.CatchUp, j.Time = maxRate, 0, Duration(time.Microsecond), Duration(20*time.Millisecond)
	r, err = g.Run(t.Context(), j, nil)
	must(t, err)
	if !slices.ContainsFunc(r.Limits, func(l string) bool { return strings.Contains(l, "did not keep up and left out") }) || r.Streams[0].Lag.Skipped == 0 {
		t.Errorf("limits %q, want that the generator did not keep up", r.Limits)
	}
}

func TestJobsThatCannotBeAreRefused(t *testing.T) {
	g := newGenerator(t)
	with := func(change func(*Job)) Job {
		j := job()
		change(&j)
		return j
	}
	for want, j := range map[string]Job{
		"time of 0s":                       with(func(j *Job) { j.Time = 0 }),
		"time of 25h0m0s":                  with(func(j *Job) { j.Time = Duration(25 * time.Hour) }),
		"linger of -1ns":                   with(func(j *Job) { j.Linger = -1 }),
		"interval of 1":                    with(func(j *Job) { j.Interval = 1 }),
		"at most 100000 in":                with(func(j *Job) { j.Interval, j.Time = Duration(time.Millisecond), Duration(time.Hour) }),
		"3 CPUs":                           with(func(j *Job) { j.CPUs = []int{0, 1, 2} }),
		"CPU -1":                           with(func(j *Job) { j.CPUs = []int{-1} }),
		"0 streams":                        with(func(j *Job) { j.Streams = nil }),
		"65 streams":                       with(func(j *Job) { j.Streams = make([]Stream, 65) }),
		"stream 0: rate of -1":             with(func(j *Job) { j.Streams[0].Rate = -1 }),
		"stream 0: burst of 65537":         with(func(j *Job) { j.Streams[0].Burst = 65537 }),
		`no port "c", have a, b, sa, sb`:   with(func(j *Job) { j.Streams[0].To = "c" }),
		`no port ""`:                       with(func(j *Job) { j.Streams[0].From = "" }),
		"begins after 30s, want 0 to less": with(func(j *Job) { j.Streams[0].After = j.Time }),
		"ends after 1s, want more":         with(func(j *Job) { j.Streams[0].After, j.Streams[0].Until = Duration(time.Second), Duration(time.Second) }),
		"ends after 30m0s, want":           with(func(j *Job) { j.Streams[0].Until = Duration(30 * time.Minute) }),
		`watch: no port "c"`:               with(func(j *Job) { j.Watch = []string{"c"} }),
		"stream 0: -1 flows":               with(func(j *Job) { j.Streams[0].Flows = -1 }),
		"frames of 9496 bytes for port a, want at most 9022": with(func(j *Job) { j.Streams[0].Size = "9500" }),
	} {
		if _, err := g.Run(t.Context(), j, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if n := len(dropsOf(mustGet(t, g, "a"))); n == 0 {
		t.Error("a port has no counters of drops")
	}
}

func mustGet(t *testing.T, g *Generator, name string) pmd.Port {
	t.Helper()
	p, err := g.Get(name)
	must(t, err)
	return p
}

func TestARoundMakesNoGarbage(t *testing.T) {
	g := newGenerator(t)
	must(t, g.Open(t.Context(), port.Spec{Name: "c", Type: "memory", Options: map[string]string{"link": "c"}}))
	must(t, g.Open(t.Context(), port.Spec{Name: "d", Type: "memory", Options: map[string]string{"link": "c"}}))
	j, err := Job{Streams: []Stream{{From: "c", To: "d"}, {From: "d", To: "c", Rate: 1e6, Spec: stream.Spec{Size: "imix"}}}, Time: Duration(time.Hour), Interval: Duration(time.Second)}.withDefaults()
	must(t, err)
	r, err := g.prepare(j)
	must(t, err)
	defer r.close()
	th := r.threads[0]
	th.begin(r.clock.Cycles())
	if n := testing.AllocsPerRun(1000, func() { th.turn(sending, r.clock.Cycles()) }); n != 0 {
		t.Errorf("%v allocations a round", n)
	}
	if r.sink.Arrived(0) == 0 {
		t.Error("nothing arrived")
	}
}

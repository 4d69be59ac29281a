package rows

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestFirstPacketsThatAreSlower(t *testing.T) {
	const extra = time.Second
	type held struct {
		due   time.Time
		frame []byte
	}
	var queue []held
	known := make(map[string]bool)
	b := simulate(t, func(p *packet, send func(int, []byte)) {
		for len(queue) > 0 && time.Now().After(queue[0].due) {
			send(1, queue[0].frame)
			queue = queue[1:]
		}
		if p == nil {
			return
		}
		if flow := string(p.bytes[26:30]); !known[flow] { // IPv4 source address
			known[flow] = true
			queue = append(queue, held{time.Now().Add(extra), p.bytes})
			return
		}
		send(p.across(), p.bytes)
	})
	b.Linger = 20 * time.Second
	for range 2 { // flows are new each time
		f, err := b.FirstPackets(t.Context(), 30, 200)
		must(t, err)
		if f.LostFirst+f.LostAgain != 0 || f.First == nil || f.Again == nil {
			t.Fatalf("%+v", f)
		}
		if f.First.Min < int64(extra)*99/100 || f.Again.Min > int64(extra)/2 {
			t.Errorf("first packets took %v at least, second ones %v", time.Duration(f.First.Min), time.Duration(f.Again.Min))
		}
		t.Logf("%v longer", f.Extra())
	}
	if n := len(known); n != 60 {
		t.Errorf("the switch has seen %d flows, want 60", n)
	}
	b.Spec.Order = "random"
	if _, err := b.FirstPackets(t.Context(), 1, 1); err == nil || !strings.Contains(err.Error(), "want cyclic") {
		t.Errorf("flows at random: %v", err)
	}
}

// A learning switch has a table of a size and forgets the oldest address.
type learning struct {
	size  int
	table map[string]int // port by address
	order []string
	deaf  atomic.Int64 // so many addresses more are not learned
}

func (l *learning) treat(p *packet, send func(int, []byte)) {
	if p == nil {
		return
	}
	if _, ok := l.table[p.source()]; !ok && l.deaf.Add(-1) < 0 {
		if len(l.order) == l.size {
			delete(l.table, l.order[0])
			l.order = l.order[1:]
		}
		l.order = append(l.order, p.source())
		l.table[p.source()] = p.port
	}
	out, ok := l.table[p.destination()]
	for i := range 3 {
		if i != p.port && (i == out || !ok) {
			send(i, p.bytes)
		}
	}
}

func TestHowManyAddressesASwitchLearns(t *testing.T) {
	const size = 700
	l := &learning{size: size, table: make(map[string]int)}
	b := simulate(t, l.treat)
	b.Third = "c"
	c, made, err := b.LearnCapacity(t.Context(), 3000, 20_000, 0)
	must(t, err)
	for end := time.Now().Add(time.Minute); c.Limited > 0 && time.Now().Before(end); must(t, err) { // others use the machine
		c, made, err = b.LearnCapacity(t.Context(), 3000, 20_000, 0)
	}
	if c.Passed != size-1 || c.Failed != size { // one place is that of who sends to them
		t.Errorf("%+v, want %d: %+v", c, size-1, made)
	}
	for _, m := range made {
		if want := min(m.Addresses, size-1); m.Addresses <= size-1 && (m.Learned != want || m.Flooded != 0) || m.Lost+m.Unshown != 0 {
			t.Errorf("%+v, want %d learned", m, want)
		}
	}
	l.deaf.Store(10)
	m, err := b.Learn(t.Context(), 500, 10_000, 20_000)
	must(t, err)
	if m.Learned != 490 || m.Flooded != 10 || m.Lost != 0 {
		t.Errorf("ten were not learned: %+v", m)
	}
}

func TestLearningNeedsAThirdPortAndAddresses(t *testing.T) {
	b := &Bench{From: "a", To: "b"}
	if _, err := b.Learn(t.Context(), 1, 1, 1); err == nil {
		t.Error("nobody sees what is flooded")
	}
	b.Third = "c"
	for _, n := range []int{0, 1 << 23} {
		if _, err := b.Learn(t.Context(), n, 1, 1); err == nil {
			t.Errorf("%d addresses", n)
		}
	}
	boom := errors.New("boom")
	b.Forget = func(context.Context) error { return boom }
	if _, err := b.Learn(t.Context(), 1, 1, 1); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
}

func TestTheLongestBurstThatASwitchTakes(t *testing.T) {
	const buffer = 1234
	b := simulate(t, func(p *packet, send func(int, []byte)) {
		if p != nil && p.number < buffer {
			send(p.across(), p.bytes)
		}
	})
	b.Linger = 3 * time.Second
	r, err := b.Burst(t.Context(), 5000)
	must(t, err)
	if r.Passed > buffer || r.Passed < buffer*98/100 || r.Failed <= buffer || r.Rate <= 0 {
		t.Errorf("%+v, want %d", r, buffer)
	}
	t.Logf("%+v", r)
}

func TestHowSoonASwitchRecovers(t *testing.T) {
	const stillLost = 400
	b := simulate(t, func(p *packet, send func(int, []byte)) {
		switch {
		case p == nil || p.stream == 0 && p.number%11 == 0:
		case p.stream == 1 && p.number < stillLost && p.number%3 == 0:
		default:
			send(p.across(), p.bytes)
		}
	})
	v, err := b.Recovery(t.Context(), 10_000, time.Second)
	must(t, err)
	want := time.Duration(400 / v.Relief * float64(time.Second)) // 399 is the last number below 400 that is lost, the 400th frame
	if !v.Overloaded || v.LostOver == 0 || v.LostAfter != 134 || v.Relief > 5000 || v.Overload > 11_000 || v.After != want || !v.Recovered {
		t.Errorf("%+v, want to have recovered after %v", v, want)
	}
	if _, err := b.Recovery(t.Context(), 0, time.Second); err == nil {
		t.Error("no throughput at all")
	}
}

func TestForHowLongASwitchIsBlockedThatIsDisturbed(t *testing.T) {
	var drop atomic.Int64 // so many frames more are lost
	b := simulate(t, func(p *packet, send func(int, []byte)) {
		if p != nil && drop.Add(-1) < 0 {
			send(p.across(), p.bytes)
		}
	})
	stop := Disturbance{After: 20 * time.Millisecond, Do: func(ctx context.Context) error {
		drop.Store(150)
		for drop.Load() > 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		return ctx.Err()
	}}
	v, err := b.Disturb(t.Context(), 1000, 2*time.Second, stop)
	must(t, err)
	if v.Lost != 150 || v.Calm != 0 || v.Blocked != 150*time.Millisecond || v.Times != 1 || len(v.Took) != 1 || v.Silence <= 0 {
		t.Errorf("%+v", v)
	}
	n := 0
	v, err = b.Disturb(t.Context(), 1000, 500*time.Millisecond, Disturbance{Every: time.Millisecond, Do: func(context.Context) error {
		n++
		return nil
	}})
	must(t, err)
	if v.Times != n || n < 2 || v.Lost != 0 || v.Blocked != 0 || v.Latency == nil || v.Before == nil {
		t.Errorf("disturbed %d times: %+v", n, v)
	}
	boom := errors.New("boom")
	if _, err := b.Disturb(t.Context(), 1000, 50*time.Millisecond, Disturbance{Every: time.Millisecond, Do: func(context.Context) error { return boom }}); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	_, err = b.Disturb(t.Context(), 1000, 50*time.Millisecond, Disturbance{Do: func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}})
	if err == nil || !strings.Contains(err.Error(), "had not ended") {
		t.Errorf("what does not end: %v", err)
	}
	if _, err := b.Disturb(t.Context(), 0, time.Second, stop); err == nil {
		t.Error("no rate is no load")
	}
}

func TestASoakSaysWhatWasLostWhen(t *testing.T) {
	runs := make(map[uint32]bool)
	b := simulate(t, func(p *packet, send func(int, []byte)) {
		if p == nil {
			return
		}
		runs[p.run] = true
		if len(runs) != 2 || p.number > 6 {
			send(p.across(), p.bytes)
		}
	})
	b.Linger = 3 * time.Second
	probes := []float64{80, 82, 81, 80, 83, 500}
	b.Probe = func() (ns float64) {
		ns, probes = probes[0], probes[1:]
		return ns
	}
	var seen []Interval
	s, err := b.Soak(t.Context(), 2000, 350*time.Millisecond, 100*time.Millisecond, func(i Interval) { seen = append(seen, i) })
	must(t, err)
	if s.Offered > 600 || s.Offered < 60 || s.Lost != 7 || s.Lossy != 1 || len(s.Intervals) != 3 || len(seen) != 3 {
		t.Fatalf("%+v", s)
	}
	i := s.Intervals[1]
	if i.Lost != 7 || i.Start != 100*time.Millisecond || i.Class != "near" || i.Latency == nil || s.Intervals[2].Class != "mixed" {
		t.Errorf("%+v", s.Intervals)
	}
	if s.Latency == nil || s.Latency.Count < s.Intervals[0].Latency.Count+i.Latency.Count {
		t.Errorf("latency of all: %+v", s.Latency)
	}
	b.Probe = nil
	ctx, cancel := context.WithCancel(t.Context())
	s, err = b.Soak(ctx, 2000, time.Hour, 50*time.Millisecond, func(Interval) { cancel() })
	if !errors.Is(err, context.Canceled) || len(s.Intervals) != 1 {
		t.Errorf("told to end: %v after %d intervals", err, len(s.Intervals))
	}
	if _, err := b.Soak(t.Context(), 1, time.Second, time.Minute, nil); err == nil {
		t.Error("an interval longer than all")
	}
}

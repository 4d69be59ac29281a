package gen

import (
	"slices"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

const (
	tick  = 100 * time.Microsecond // how often a thread sees whether the phase is over
	prime = 20 * time.Millisecond  // how long ports have to get ready
	quiet = 10 * time.Millisecond  // how long nothing arrives before a run in which nothing is missing ends
	nap   = 50 * time.Microsecond  // how long a thread rests
)

// A thread polls: senders, receivers or both.
type thread struct {
	*run
	cpu       int // -1: any
	senders   []*sender
	receivers []*receiver
	cache     *frame.Cache // to free what was received

	period int64  // of ticks, in cycles
	next   int64  // tick
	turns  uint64 // while frames are sent
	idle   uint64 // of these, in which nothing was sent or received
	primed int64  // when priming ends
	links  []link // of the run's ports, if the thread sends
	until  int64  // when sending or lingering ends
}

// loop runs the thread until the run is over.
func (t *thread) loop() error {
	seat, err := cpu.Take(t.cpu)
	if err != nil {
		t.phase.Store(over)
		return err
	}
	defer seat.Leave()
	t.primed = t.clock.Cycles() + t.cycles(prime)
	for phase := t.phase.Load(); phase != over; phase = t.phase.Load() {
		now := t.clock.Cycles()
		t.turn(phase, now)
		seat.Keep(t.clock.At(now))
	}
	for _, s := range t.senders {
		s.flush()
		s.queue.Counters().Publish()
	}
	for _, r := range t.receivers {
		r.queue.Counters().Publish()
	}
	return nil
}

// turn gives each sender and receiver a turn.
func (t *thread) turn(phase uint32, now int64) {
	frames := 0
	for _, s := range t.senders {
		if phase == sending {
			frames += s.turn(now)
		} else {
			s.flush()
		}
	}
	for _, r := range t.receivers {
		frames += r.turn(t, phase != priming)
	}
	if phase == sending {
		t.turns++
		if frames == 0 {
			t.idle++
		}
	}
	if now >= t.next {
		t.next = now + t.period
		t.look(phase, now)
	}
	if frames == 0 && t.job.Rest {
		time.Sleep(nap)
	}
}

// A link is what a thread has seen of a port's carrier.
type link struct {
	up     bool
	breaks uint64 // times it came back
}

// watch sees to ports whose carrier comes back: whoever was at the other end may have written to any buffer it had.
func (t *thread) watch() {
	for i := range t.links {
		l := &t.links[i]
		up := t.ports[i].LinkUp()
		if up && !l.up {
			l.breaks++
			t.bodies.Forget()
		}
		l.up = up
	}
}

// look sees whether the phase is over.
func (t *thread) look(phase uint32, now int64) {
	t.watch()
	if len(t.receivers) > 0 && phase != priming {
		var n uint64
		for i := range t.run.senders {
			n += t.sink.Arrived(i)
		}
		t.came.Store(n)
	}
	switch {
	case phase == priming && len(t.senders) > 0 && now >= t.primed:
		t.begin(now)
	case phase == sending && len(t.senders) > 0:
		t.end(now)
	case phase == lingering && len(t.receivers) > 0:
		if t.until == 0 || len(t.senders) > 0 {
			t.until = t.ended + t.cycles(time.Duration(t.job.Linger))
		}
		if now >= t.until || t.sink.Whole(t.sent) && t.sink.Quiet(now, quiet) {
			t.phase.Store(over)
		}
	}
}

// begin ends priming.
func (t *thread) begin(now int64) {
	t.begun = now
	t.until = now + t.cycles(time.Duration(t.job.Time))
	t.sink.Start(now)
	for _, s := range t.senders {
		s.begin(now)
	}
	t.phase.CompareAndSwap(priming, sending)
}

// end ends sending, if it is time or all has been sent. A sender with something to make good for has the time for that.
func (t *thread) end(now int64) {
	var n uint64
	for _, s := range t.senders {
		n += s.offered
	}
	t.made.Store(n)
	left := slices.ContainsFunc(t.senders, func(s *sender) bool { return s.pace.Left() })
	paced := !slices.ContainsFunc(t.job.Streams, func(s Stream) bool { return s.Rate == 0 && s.Capture == nil })
	grace := int64(0)
	if paced {
		grace = t.cycles(time.Duration(t.job.CatchUp))
	}
	if left && now < t.until+grace && !t.stop.Load() {
		return
	}
	t.ended = now
	for i, s := range t.senders {
		t.sent[i] = s.sent
	}
	t.phase.CompareAndSwap(sending, lingering)
}

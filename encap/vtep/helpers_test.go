package vtep

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

// A fake is a look-up plug-in that notes what it is asked and answers what it is told to.
type fake struct {
	sink   Sink
	asked  []Question
	knows  map[Question]Answer // answered at once
	down   error
	closed bool
}

func (f *fake) Start(s Sink) error { f.sink = s; return nil }
func (f *fake) Close() error       { f.closed = true; return nil }
func (f *fake) Status() Status     { return Status{Up: f.down == nil} }

func (f *fake) Ask(q Question) error {
	f.asked = append(f.asked, q)
	if a, ok := f.knows[q]; ok {
		f.sink.Answer(q, a)
	}
	return f.down
}

// A stand is a Directory with a fake plug-in and a clock that tests move.
type stand struct {
	t *testing.T
	*Directory
	plug     *fake
	now      int64
	notified int
}

func newStand(t *testing.T, o Options) *stand {
	t.Helper()
	s := &stand{t: t, plug: &fake{}, now: int64(time.Hour)}
	o.Clock = func() int64 { return s.now }
	o.Notify = func() { s.notified++ }
	d, err := New(o, s.plug, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Directory = d
	return s
}

// pass moves the clock and ticks every 100 ms on the way.
func (s *stand) pass(d time.Duration) {
	for end := s.now + int64(d); s.now < end; {
		s.now += int64(100 * time.Millisecond)
		s.Tick()
	}
}

// expect asks and checks the state.
func (s *stand) expect(q Question, live bool, want State) Result {
	s.t.Helper()
	r := s.Ask(q, live)
	if r.State != want {
		s.t.Fatalf("%v: %v, want %v", q, r.State, want)
	}
	if r.Tags&s.tag(&q) == 0 {
		s.t.Fatalf("%v: %v without its tag", q, r.State)
	}
	return r
}

// changes returns what has changed since the last call.
func (s *stand) changes(since *uint64) []Question {
	s.t.Helper()
	var c ChangeSet
	*since = s.Changes(*since, &c)
	if c.All {
		return nil
	}
	list := make([]Question, 0, len(c.Changes))
	for _, x := range c.Changes {
		list = append(list, x.Question)
	}
	return list
}

var errDown = errors.New("the plug-in is down")

func mac(n byte) [6]byte { return [6]byte{2, 0, 0, 0, 0, n} }

func at(n byte) Answer {
	return Answer{Ends: []End{{Addr: netip.AddrFrom4([4]byte{192, 0, 2, n}), Key: 7}}}
}

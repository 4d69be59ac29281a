package pmd

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
)

// A keeper is a sink that keeps packets of a port for a while: it says so when it is asked whether it is settled.
type keeper struct {
	*sink
	story *story
}

// A story is what the keepers of a group were asked.
type story struct {
	mu     sync.Mutex
	keeps  int // so often the answer is no
	asked  []string
	during func()
}

func (s *story) tell(what string, yes func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.during != nil {
		s.during()
	}
	if yes() {
		s.asked = append(s.asked, what)
		return true
	}
	return false
}

func (k *keeper) Settled(port uint32) bool {
	return k.story.tell("settled", func() bool { k.story.keeps--; return k.story.keeps < 0 && port == 1 })
}

func (k *keeper) TakeOver() bool { return k.story.tell("taken over", func() bool { return true }) }

// newKeepers returns a group of n workers whose first has the only queue.
func newKeepers(t *testing.T, n int, s *story) (*Group, *frame.Pool, *fakeQueue) {
	t.Helper()
	var pool *frame.Pool
	g, pool, _ := newTestGroup(t, n, func(c *GroupConfig) {
		c.Rebalance = -1
		of := c.Processor
		c.Processor = func(id int) Processor { return &keeper{of(id).(*sink), s} }
	})
	g.patience = time.Minute
	fakes, rxqs := fakePort(t, 0, 1)
	if err := g.AddPort(1, rxqs, PortPlacement{Node: -1}); err != nil {
		t.Fatal(err)
	}
	return g, pool, fakes[0]
}

// change has the queue go to the last worker, or back to the first, and returns how long that took.
func change(t *testing.T, g *Group) time.Duration {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	start := time.Now()
	if err := g.move(g.queues[0], len(g.workers)-1-g.queues[0].worker); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

func TestAQueueChangesWorkersWhenWhatCameByItHasLeft(t *testing.T) {
	s := &story{keeps: 3}
	g, pool, q := newKeepers(t, 2, s)
	frames := newCache(t, pool)
	sinks := [2]*sink{g.workers[0].proc.(*keeper).sink, g.workers[1].proc.(*keeper).sink}
	put := 0
	s.during = func() {
		if q.put(pool, frames) {
			put++
		}
		if n := sinks[0].got.Load() + sinks[1].got.Load(); n != 0 {
			t.Errorf("%d packets were taken from a queue that is on its way", n)
		}
	}
	change(t, g)
	if len(s.asked) != 2 || s.asked[0] != "settled" || s.asked[1] != "taken over" || s.keeps != -1 {
		t.Errorf("workers were asked %q, and one %d times in vain", s.asked, 3-s.keeps-1)
	}
	eventually(t, "what came meanwhile is taken by the other worker", func() bool { return sinks[1].got.Load() == int64(put) && put == 5 })
}

func TestAQueueDoesNotWaitForAPacketThatStays(t *testing.T) {
	s := &story{keeps: 1 << 30}
	g, _, _ := newKeepers(t, 2, s)
	g.patience = settleTime
	if took := change(t, g); took < settleTime {
		t.Errorf("moved after %v, which is before %v", took, settleTime)
	}
	if got := workersOf(g, 1); got[0] != 1 {
		t.Errorf("the queue is with worker %d, want 1", got[0])
	}
	if len(s.asked) != 1 || s.asked[0] != "taken over" {
		t.Errorf("workers were asked %q: packets of other flows than that one's are overtaken, too", s.asked)
	}
}

// A stuckLog is one whose reader has stopped: records wait until it goes on.
type stuckLog struct {
	slog.Handler
	on chan struct{}
}

func (l *stuckLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *stuckLog) Handle(context.Context, slog.Record) error { <-l.on; return nil }

func (l *stuckLog) WithAttrs([]slog.Attr) slog.Handler { return l }

func TestAQueueThatChangesWorkersWaitsForNoLog(t *testing.T) {
	s := &story{keeps: 1 << 30}
	g, pool, q := newKeepers(t, 2, s)
	g.patience = settleTime
	log := &stuckLog{slog.DiscardHandler, make(chan struct{})}
	g.mu.Lock()
	g.log = slog.New(log)
	g.mu.Unlock()
	frames := newCache(t, pool)
	s.during = sync.OnceFunc(func() { q.put(pool, frames) }) // nobody has the queue then
	var moved sync.WaitGroup
	moved.Go(func() { change(t, g) })
	defer moved.Wait()
	defer close(log.on)
	eventually(t, "the other worker polls the queue", func() bool { return g.workers[1].proc.(*keeper).got.Load() == 1 })
}

// A port may have more than one transmit queue and fewer than there are workers: then what the worker that had the queue has handed
// over may be with a third one, while the one that gets it sends by itself.
func TestAQueueChangesWorkersWhenThirdOnesHaveSentWhatWasHandedOver(t *testing.T) {
	s := new(story)
	g, _, _ := newKeepers(t, 4, s)
	change(t, g)
	if want := []string{"settled", "taken over", "taken over", "taken over"}; !slices.Equal(s.asked, want) {
		t.Errorf("workers were asked %q, want %q", s.asked, want)
	}
}

func TestWorkersThatDoNotRunAreNotWaitedFor(t *testing.T) {
	s := &story{keeps: 1 << 30}
	g, _, _ := newKeepers(t, 2, s)
	g.Stop()
	change(t, g)
	if len(s.asked) > 0 || s.keeps != 1<<30 {
		t.Errorf("workers that do not run were asked: %q", s.asked)
	}
}

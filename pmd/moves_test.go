package pmd

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
)

// A lone queue notices when two workers poll it at once.
type lone struct {
	*fakeQueue
	polled atomic.Bool
	two    atomic.Bool
}

func (q *lone) Recv(b *frame.Batch) int {
	if !q.polled.CompareAndSwap(false, true) {
		q.two.Store(true)
	}
	defer q.polled.Store(false)
	return q.fakeQueue.Recv(b)
}

// TestAQueueHasOneWorkerWhateverIsAsked: the group is stopped and started, other ports' pins drive queues out, and queues move, all at once.
func TestAQueueHasOneWorkerWhateverIsAsked(t *testing.T) {
	s := new(story) // which says yes
	g, pool, got := newTestGroup(t, 3, func(c *GroupConfig) {
		of := c.Processor
		c.Processor = func(id int) Processor { return &keeper{of(id).(*sink), s} }
	})
	q := &lone{fakeQueue: newFakeQueue(t, 0, true)}
	if err := g.AddPort(1, []RxQueue{q}, PortPlacement{Node: -1}); err != nil {
		t.Fatal(err)
	}
	_, pinned := fakePort(t, 1, 2)
	var stop atomic.Bool
	var askers sync.WaitGroup
	for _, ask := range []func(){
		func() { g.Stop(); _ = g.Start() }, // nobody else starts it
		func() {
			if err := g.AddPort(2, pinned, PortPlacement{Node: -1, Pins: map[int]int{0: 0, 1: 2}}); err != nil {
				t.Error(err)
			}
			g.RemovePort(2)
		},
		func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			q := g.queues[0]
			if err := g.move(q, (q.worker+1)%3); err != nil {
				t.Error(err)
			}
		},
		func() { g.Rebalance(); g.measure(1); g.Placement() },
	} {
		askers.Go(func() {
			for !stop.Load() {
				ask()
				time.Sleep(100 * time.Microsecond)
			}
		})
	}
	frames := newCache(t, pool)
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		q.put(pool, frames)
	}
	stop.Store(true)
	askers.Wait()
	eventually(t, "all frames arrive", func() bool { return got() == int64(q.next) })
	if q.two.Load() {
		t.Error("two workers have polled the queue at once")
	}
}

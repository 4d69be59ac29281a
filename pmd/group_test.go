package pmd

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
)

// newTestGroup returns a running group of n unpinned workers whose sinks count together.
func newTestGroup(t *testing.T, n int, change func(*GroupConfig)) (*Group, *frame.Pool, func() int64) {
	t.Helper()
	pool := newPool(t)
	next := new([256]atomic.Uint64)
	var sinks []*sink
	cfg := GroupConfig{Clock: testClock, Processor: func(int) Processor {
		s := newSink(t, pool)
		s.next = next
		sinks = append(sinks, s)
		return s
	}}
	for i := range n {
		cfg.Workers = append(cfg.Workers, WorkerConfig{ID: i, CPU: -1, Latency: time.Minute})
	}
	if change != nil {
		change(&cfg)
	}
	g, err := NewGroup(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	return g, pool, func() (sum int64) {
		for _, s := range sinks {
			sum += s.got.Load()
		}
		return sum
	}
}

func fakePort(t *testing.T, first byte, n int) ([]*fakeQueue, []RxQueue) {
	t.Helper()
	var fakes []*fakeQueue
	var rxqs []RxQueue
	for i := range n {
		q := newFakeQueue(t, first+byte(i), true)
		fakes = append(fakes, q)
		rxqs = append(rxqs, q)
	}
	return fakes, rxqs
}

func workersOf(g *Group, port uint32) []int {
	var ids []int
	for _, q := range g.Placement() {
		if q.Port == port {
			ids = append(ids, q.Worker)
		}
	}
	return ids
}

func TestAGroupSpreadsAPortsQueues(t *testing.T) {
	g, _, _ := newTestGroup(t, 2, nil)
	_, a := fakePort(t, 0, 4)
	if err := g.AddPort(1, a, PortPlacement{Node: -1}); err != nil {
		t.Fatal(err)
	}
	if got := workersOf(g, 1); !slices.Equal(got, []int{0, 1, 0, 1}) {
		t.Errorf("4 queues on 2 workers: got %v, want 0 1 0 1", got)
	}
	if err := g.AddPort(1, a, PortPlacement{}); err == nil {
		t.Error("a port was added twice")
	}
	if !g.RemovePort(1) || g.RemovePort(1) {
		t.Error("a port that is there is removed once")
	}
	if n := len(g.Placement()) + len(g.Workers()[0].Stats().Queues); n != 0 {
		t.Errorf("%d queues are left, want 0", n)
	}
}

func TestAPinnedQueueHasItsWorkerToItself(t *testing.T) {
	g, _, _ := newTestGroup(t, 2, nil)
	_, a := fakePort(t, 0, 2)
	_, b := fakePort(t, 10, 1)
	if err := g.AddPort(1, a, PortPlacement{Node: -1}); err != nil {
		t.Fatal(err)
	}
	if err := g.AddPort(2, b, PortPlacement{Node: -1, Pins: map[int]int{0: 0}}); err != nil {
		t.Fatal(err)
	}
	if got := workersOf(g, 1); !slices.Equal(got, []int{1, 1}) {
		t.Errorf("others' queues are on %v, want 1 1", got)
	}
	if got := workersOf(g, 2); !slices.Equal(got, []int{0}) {
		t.Errorf("the pinned queue is on %v, want 0", got)
	}
}

func TestPinnedQueuesMayShareTheirWorker(t *testing.T) {
	g, _, _ := newTestGroup(t, 2, func(c *GroupConfig) { c.SharePinned = true })
	_, a := fakePort(t, 0, 3)
	if err := g.AddPort(1, a, PortPlacement{Node: -1, Pins: map[int]int{0: 0}}); err != nil {
		t.Fatal(err)
	}
	if got := workersOf(g, 1); !slices.Equal(got, []int{0, 1, 0}) {
		t.Errorf("got %v, want 0 1 0", got)
	}
}

func TestAPortThatCannotBeAddedLeavesNothingBehind(t *testing.T) {
	g, _, _ := newTestGroup(t, 2, nil)
	fakes, a := fakePort(t, 0, 3)
	for _, c := range []struct {
		name, want string
		where      PortPlacement
		fd         int
	}{
		{"a pin to a worker that is not there", "no such worker", PortPlacement{Pins: map[int]int{1: 9}}, fakes[2].fd},
		{"a pin of a queue that is not there", "3 receive queues", PortPlacement{Pins: map[int]int{3: 0}}, fakes[2].fd},
		{"a descriptor that cannot be waited for", "wait for descriptor", PortPlacement{}, 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func(fd int) { fakes[2].fd = fd }(fakes[2].fd)
			fakes[2].fd = c.fd
			err := g.AddPort(1, a, c.where)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if n := len(g.Placement()); n != 0 {
				t.Errorf("%d queues are left, want 0", n)
			}
		})
	}
}

func TestBadGroupsAreRefused(t *testing.T) {
	p := func(int) Processor { return new(dropper) }
	if _, err := NewGroup(GroupConfig{Processor: p}); err == nil {
		t.Error("a group without workers was made")
	}
	if _, err := NewGroup(GroupConfig{Workers: []WorkerConfig{{CPU: -1}}}); err == nil {
		t.Error("a group without processors was made")
	}
	same := []WorkerConfig{{ID: 1, CPU: -1}, {ID: 1, CPU: -1}}
	if _, err := NewGroup(GroupConfig{Workers: same, Processor: p, Clock: testClock}); err == nil {
		t.Error("a group with two workers 1 was made")
	}
	gone := []WorkerConfig{{ID: 0, CPU: -1}, {ID: 1, CPU: 1023}}
	g, err := NewGroup(GroupConfig{Workers: gone, Processor: p, Clock: testClock})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); err == nil || !strings.Contains(err.Error(), "CPU 1023") {
		t.Errorf("got %v, want an error that names CPU 1023", err)
	}
	g.Stop()
}

// TestAMovedQueueLosesNothing moves queues to and fro under traffic; the sinks check the order.
func TestAMovedQueueLosesNothing(t *testing.T) {
	g, pool, got := newTestGroup(t, 2, nil)
	fakes, a := fakePort(t, 0, 3)
	if err := g.AddPort(1, a, PortPlacement{Node: -1}); err != nil {
		t.Fatal(err)
	}
	const each = 20_000
	var wg sync.WaitGroup
	for _, q := range fakes {
		c := newCache(t, pool)
		wg.Go(func() {
			for q.next < each {
				if !q.put(pool, c) || q.next%256 == 0 {
					time.Sleep(20 * time.Microsecond)
				}
			}
		})
	}
	for moved := 0; moved < 300; moved++ {
		g.mu.Lock()
		for _, q := range g.queues {
			if err := g.move(q, 1-q.worker); err != nil {
				t.Error(err)
			}
		}
		g.mu.Unlock()
		time.Sleep(50 * time.Microsecond)
	}
	wg.Wait()
	eventually(t, "all frames arrive", func() bool { return got() == 3*each })
	g.Stop()
	for _, q := range g.Placement() {
		if q.Packets != each || q.Cycles == 0 {
			t.Errorf("queue %d: counted %d packets and %d cycles over all moves, want %d and more than 0",
				q.Queue, q.Packets, q.Cycles, each)
		}
	}
}

func TestAGroupMovesQueuesByMeasuredLoad(t *testing.T) {
	g, _, _ := newTestGroup(t, 2, func(c *GroupConfig) { c.Rebalance = -1 })
	_, a := fakePort(t, 0, 4)
	if err := g.AddPort(1, a, PortPlacement{Node: -1}); err != nil {
		t.Fatal(err)
	}
	g.mu.Lock() // as if measured: both queues of worker 0 busy
	for i, load := range []float64{0.5, 0, 0.4, 0} {
		g.queues[i].window = window{n: 1}
		g.queues[i].window.shares[0] = load
	}
	g.mu.Unlock()
	if n := g.Rebalance(); n != 1 {
		t.Errorf("%d queues moved, want 1", n)
	}
	if got := workersOf(g, 1); fmt.Sprint(got) != "[0 1 1 1]" && fmt.Sprint(got) != "[1 1 0 1]" {
		t.Errorf("queues are on %v, want the busy ones apart", got)
	}
}

func TestTheWindowSlides(t *testing.T) {
	var w window
	if w.share() != 0 {
		t.Error("a queue not measured yet has a load")
	}
	total := uint64(0)
	for i := range 3 * windowSize {
		total += 100
		if i >= 2*windowSize {
			total += 100
		}
		w.add(total, 1000)
	}
	if got := w.share(); got < 0.199 || got > 0.201 {
		t.Errorf("load %v, want 0.2: only the last %d intervals count", got, windowSize)
	}
}

func TestAQueueThatNoWorkerTakesDoesNotKeepOthersWaiting(t *testing.T) {
	g, pool, got := newTestGroup(t, 2, nil)
	file, err := os.Open("group_test.go") // always ready: not to be waited for
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	bad := newFakeQueue(t, 0, false)
	bad.fd = int(file.Fd())
	good := newFakeQueue(t, 1, true)
	g.mu.Lock()
	for i, q := range []RxQueue{bad, good} {
		added, err := g.newQueues(uint32(i), []RxQueue{q}, PortPlacement{Node: -1})
		if err != nil {
			t.Fatal(err)
		}
		g.queues = append(g.queues, added...)
	}
	g.mu.Unlock()
	g.measure(1) // places what has no worker
	c := newCache(t, pool)
	good.put(pool, c)
	eventually(t, "the good queue is polled", func() bool { return got() == 1 })
	if ids := workersOf(g, 0); !slices.Equal(ids, []int{-1}) {
		t.Errorf("the bad queue has worker %v, want none", ids)
	}
	_, more := fakePort(t, 2, 1)
	if err := g.AddPort(2, more, PortPlacement{Node: -1}); err != nil {
		t.Errorf("another port is not added: %v", err)
	}
}

func TestStartAndStopOfAGroupMayRace(t *testing.T) {
	g, _, _ := newTestGroup(t, 2, nil)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 20 {
				g.Stop()
				_ = g.Start() // another one may have been faster
			}
		})
	}
	calls.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.workers {
		w.mu.Lock()
		if w.running != (g.ended != nil) {
			t.Errorf("worker %d runs: %v, while the group runs: %v", w.ID(), w.running, g.ended != nil)
		}
		w.mu.Unlock()
	}
}

package pmd

import (
	"context"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
)

const (
	// measureEvery is the interval of load measurement; windowSize of them make the sliding window.
	measureEvery = time.Second
	windowSize   = 10
	// defaultRebalance lets the window fill between two decisions.
	defaultRebalance = 10 * time.Second
)

// A window is a sliding window over what a queue cost.
type window struct {
	shares [windowSize]float64 // share of a core, per interval
	n      int                 // intervals measured so far
	last   uint64              // the cycle count at the end of the last interval
}

// add ends an interval: the queue's cycle count is now cycles, and length cycles have passed.
func (w *window) add(cycles uint64, length float64) {
	w.shares[w.n%windowSize] = float64(cycles-w.last) / max(1, length)
	w.n++
	w.last = cycles
}

// share returns the mean over the window; 0 before the first interval ends.
func (w *window) share() float64 {
	n := min(w.n, windowSize)
	if n == 0 {
		return 0
	}
	sum := 0.0
	for _, s := range w.shares[:n] {
		sum += s
	}
	return sum / float64(n)
}

// watch measures, keeps the clock right and the CPUs free for workers, and rebalances, until ctx ends.
func (g *Group) watch(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	last := g.clock.Cycles()
	balanced := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if ahead := time.Duration(g.clock.Recalibrate()); ahead.Abs() > time.Millisecond {
			g.log.Warn("the cycle counter and the monotonic clock went apart", "ahead", ahead)
		}
		if err := cpu.Tidy(); err != nil {
			g.log.Debug("threads on the workers' CPUs", "error", err)
		}
		now := g.clock.Cycles()
		g.measure(float64(now - last))
		last = now
		if g.cfg.Rebalance > 0 && g.cfg.Policy == ByCycles && time.Since(balanced) >= g.cfg.Rebalance {
			balanced = time.Now()
			g.Rebalance()
		}
	}
}

// measure ends an interval of the given length in cycles. It also tries again to place what could not
// be placed.
func (g *Group) measure(length float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	lost := false
	for _, q := range g.queues {
		q.window.add(q.load.Value(queueCycles), length)
		lost = lost || q.worker == unplaced
	}
	if !lost {
		return
	}
	if err := g.settle(); err != nil {
		g.log.Warn("a queue has no worker", "error", err)
	}
}

// Rebalance moves queues to even out the workers' measured loads if that is worth it, and returns how
// many it moved. The group calls it by itself from time to time.
func (g *Group) Rebalance() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	queues, workers := g.picture()
	moves := rebalance(queues, workers)
	moved := 0
	for _, m := range moves {
		q := g.queues[m.Queue]
		from, to := g.workers[m.From].ID(), g.workers[m.To].ID()
		if err := g.move(q, m.To); err != nil {
			g.log.Warn("a queue could not be moved", "port", q.port, "queue", q.index, "from", from, "to", to, "error", err)
			continue
		}
		moved++
		g.log.Info("queue moved", "port", q.port, "queue", q.index, "from", from, "to", to, "load", queues[m.Queue].Load)
	}
	return moved
}

// QueuePlacement says where a queue is and what it costs.
type QueuePlacement struct {
	Port   uint32
	Queue  int     // its number within the port
	Worker int     // ID of the worker that has it, -1 for none
	Pinned bool    // to that worker
	Load   float64 // share of a core, mean over the last 10 s
	// Packets and Cycles count since the port was added.
	Packets, Cycles uint64
}

// Placement returns where all queues are, in the order their ports were added.
func (g *Group) Placement() []QueuePlacement {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]QueuePlacement, len(g.queues))
	for i, q := range g.queues {
		worker := -1
		if q.worker != unplaced {
			worker = g.workers[q.worker].ID()
		}
		list[i] = QueuePlacement{
			Port: q.port, Queue: q.index, Worker: worker, Pinned: q.pin != unplaced, Load: q.window.share(),
			Packets: q.load.Value(queuePackets), Cycles: q.load.Value(queueCycles),
		}
	}
	return list
}

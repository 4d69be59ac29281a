package pmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/counter"
)

// GroupConfig configures a Group.
type GroupConfig struct {
	// Workers configures the workers; at least one. IDs must differ. Clock and Log are the Group's
	// where they are nil.
	Workers []WorkerConfig
	// Processor returns the processor of a worker, given its ID.
	Processor func(worker int) Processor
	// Node returns the NUMA node of a CPU, -1 when unknown; nil: always -1. cpu.Topology has one.
	Node   func(cpu int) int
	Policy Policy
	// SharePinned lets a worker that has pinned queues have others, too.
	SharePinned bool
	// Rebalance is how often queues may be moved to even out load. 0: every 10 s; less: never.
	Rebalance time.Duration
	Clock     *cpu.Clock   // nil: one is made
	Log       *slog.Logger // nil: none
}

// A Group owns the workers of a switch: it decides which of them polls which queue, measures what
// queues cost, and moves them.
//
// Thread-safety: all methods are safe for concurrent use, but not from a Processor, whose worker they
// may have to wait for.
type Group struct {
	cfg     GroupConfig
	clock   *cpu.Clock
	log     *slog.Logger
	workers []*Worker
	nodes   []int // NUMA node of each worker
	// patience is how long a queue that changes workers waits for what came by it: settleTime.
	patience time.Duration

	mu     sync.Mutex // guards what follows
	queues []*placed  // in the order they were added
	cancel context.CancelFunc
	ended  chan struct{} // closed when the measuring goroutine is gone; nil while stopped
}

// A placed queue is one that the group has given to a worker.
type placed struct {
	*queue
	index  int // within its port
	node   int
	pin    int
	worker int
	window window
}

// A PortPlacement says where a port's queues should be polled.
type PortPlacement struct {
	Node int         // NUMA node of the device, -1 when unknown
	Pins map[int]int // queue number -> ID of the worker that must have it
}

// NewGroup returns a group of stopped workers.
func NewGroup(cfg GroupConfig) (*Group, error) {
	if len(cfg.Workers) == 0 || cfg.Processor == nil {
		return nil, errors.New("make worker group: no workers or no processor")
	}
	if cfg.Clock == nil {
		cfg.Clock = cpu.NewClock()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Rebalance == 0 {
		cfg.Rebalance = defaultRebalance
	}
	g := &Group{cfg: cfg, clock: cfg.Clock, log: cfg.Log, patience: settleTime}
	for _, wc := range cfg.Workers {
		if g.byID(wc.ID) != unplaced {
			return nil, fmt.Errorf("make worker group: two workers %d", wc.ID)
		}
		if wc.Clock == nil {
			wc.Clock = g.clock
		}
		if wc.Log == nil {
			wc.Log = g.log
		}
		g.workers = append(g.workers, NewWorker(wc, cfg.Processor(wc.ID)))
		node := -1
		if cfg.Node != nil && wc.CPU >= 0 {
			node = cfg.Node(wc.CPU)
		}
		g.nodes = append(g.nodes, node)
	}
	return g, nil
}

// Workers returns the workers. The caller must not change the slice, nor add or remove queues itself.
func (g *Group) Workers() []*Worker { return g.workers }

// Start starts all workers, or none.
func (g *Group) Start() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended != nil {
		return errors.New("start worker group: it is running")
	}
	for i, w := range g.workers {
		if err := w.Start(); err != nil {
			for _, started := range g.workers[:i] {
				started.Stop()
			}
			return fmt.Errorf("start worker group: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel, g.ended = cancel, make(chan struct{})
	go g.watch(ctx, g.ended)
	return nil
}

// Stop stops all workers and waits for them. Queues stay where they are.
func (g *Group) Stop() {
	g.mu.Lock()
	ended := g.ended
	if ended != nil {
		g.cancel()
	}
	g.mu.Unlock()
	if ended == nil {
		return
	}
	<-ended
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended != ended {
		return // another Stop was faster, and the workers that run now are of a later Start
	}
	for _, w := range g.workers {
		w.Stop()
	}
	g.ended = nil
}

// AddPort gives a port's receive queues to workers, all or none. Queues that a pin drives out move to
// other workers.
func (g *Group) AddPort(port uint32, rxqs []RxQueue, where PortPlacement) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.ContainsFunc(g.queues, func(q *placed) bool { return q.port == port }) {
		return fmt.Errorf("add port %d to workers: it is there", port)
	}
	added, err := g.newQueues(port, rxqs, where)
	if err != nil {
		return fmt.Errorf("add port %d to workers: %w", port, err)
	}
	g.queues = append(g.queues, added...)
	err = g.settle()
	if slices.ContainsFunc(added, func(q *placed) bool { return q.worker == unplaced }) {
		g.drop(port)
		return fmt.Errorf("add port %d to workers: %w", port, err)
	}
	if err != nil { // another port's
		g.log.Warn("a queue could not be moved", "error", err)
	}
	return nil
}

// RemovePort takes a port's queues from the workers and returns when they have let go of them. It
// reports whether the port was there.
func (g *Group) RemovePort(port uint32) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.drop(port) {
		return false
	}
	if err := g.settle(); err != nil {
		g.log.Warn("a queue could not be moved", "error", err)
	}
	return true
}

func (g *Group) newQueues(port uint32, rxqs []RxQueue, where PortPlacement) ([]*placed, error) {
	for n, id := range where.Pins {
		if n < 0 || n >= len(rxqs) {
			return nil, fmt.Errorf("pin queue %d to worker %d: the port has %d receive queues", n, id, len(rxqs))
		}
		if g.byID(id) == unplaced {
			return nil, fmt.Errorf("pin queue %d to worker %d: there is no such worker", n, id)
		}
	}
	var qs []*placed
	for i, rx := range rxqs {
		pin := unplaced
		if id, ok := where.Pins[i]; ok {
			pin = g.byID(id)
		}
		q := &queue{rx: rx, port: port, fd: -1, load: counter.NewBlock(queueCounters[:])}
		qs = append(qs, &placed{queue: q, index: i, node: where.Node, pin: pin, worker: unplaced})
	}
	return qs, nil
}

// byID returns the index of the worker with the given ID, or unplaced.
func (g *Group) byID(id int) int {
	return slices.IndexFunc(g.workers, func(w *Worker) bool { return w.cfg.ID == id })
}

// drop takes a port's queues from workers and reports whether there were any.
func (g *Group) drop(port uint32) bool {
	n := len(g.queues)
	g.queues = slices.DeleteFunc(g.queues, func(q *placed) bool {
		if q.port == port && q.worker != unplaced {
			g.workers[q.worker].detach(q.rx)
		}
		return q.port == port
	})
	return len(g.queues) < n
}

// settle gives queues without a worker to one, and moves those whose worker may no longer have them. A
// queue that no worker takes does not keep the others waiting.
func (g *Group) settle() error {
	var errs []error
	queues, workers := g.picture()
	for i, q := range g.queues {
		if q.worker != unplaced && slices.Contains(eligible(queues[i], workers), q.worker) {
			continue
		}
		to := choose(g.cfg.Policy, queues, i, workers)
		if err := g.move(q, to); err != nil {
			errs = append(errs, err)
		}
		queues[i].Worker = q.worker
	}
	return errors.Join(errs...)
}

// picture returns queues and workers as placement sees them.
func (g *Group) picture() ([]placedQueue, []placedWorker) {
	workers := make([]placedWorker, len(g.workers))
	for i, node := range g.nodes {
		workers[i].Node = node
	}
	queues := make([]placedQueue, len(g.queues))
	guess := g.guess()
	for i, q := range g.queues {
		queues[i] = placedQueue{Load: q.window.share(), Node: q.node, Pin: q.pin, Worker: q.worker}
		if q.window.n == 0 {
			queues[i].Load = guess
		}
		if q.pin != unplaced && !g.cfg.SharePinned {
			workers[q.pin].Isolated = true
		}
	}
	return queues, workers
}

// guess returns the load to assume of a queue not measured yet: that of the average queue, and
// something even when all are idle, so that the queues of a new port spread.
func (g *Group) guess() float64 {
	const least = 0.01
	sum, n := 0.0, 0
	for _, q := range g.queues {
		if q.window.n > 0 {
			sum += q.window.share()
			n++
		}
	}
	return max(least, sum/float64(max(1, n)))
}

// move takes q from its worker, if it has one, and gives it to another. Between the two nobody polls
// q: what arrives waits in it, until what came before has left.
func (g *Group) move(q *placed, to int) error {
	from := q.worker
	if from != unplaced {
		g.workers[from].detach(q.rx)
		if !settled(g.workers, from, q.port, g.patience) {
			// Once somebody polls the queue: who reads the log may be slow.
			defer g.log.Warn("packets of a queue that moved may have overtaken some that came before", "port", q.port, "queue", q.index, "waited", g.patience)
		}
	}
	if err := g.workers[to].attach(q.queue); err != nil {
		q.worker = unplaced
		if from != unplaced && g.workers[from].attach(q.queue) == nil {
			q.worker = from
		}
		return err
	}
	q.worker = to
	return nil
}

// Package datapath is the switch: bridges and their ports, the pipeline each worker runs, and what
// ties the caches to the slow path.
//
// It knows no rule language: a bridge's decisions come from a rules.Table that the caller brings, and
// ports from drivers the caller brings. It knows no configuration file either; package control/config
// reads one.
//
// Thread-safety: all methods of Switch are safe for concurrent use.
package datapath

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/datapath/reval"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring"
)

// What waits for the slow path on all workers together takes no more than half of the buffers from packets whose flows are known:
// a quarter the first packets of flows, a quarter those behind them.
const waitingShare = 4 // inverted

// mostWaiting is how many flows one worker may have with the slow path at once at most, all ports together.
const mostWaiting = 4096

// waiting returns how many flows each worker may have with the slow path, all ports together, and how many packets behind them.
func (o *Options) waiting() (flows, held int) {
	share := max(1, o.Pool.Buffers()/waitingShare/o.Workers.Count)
	return min(mostWaiting, share), min(o.Held, share)
}

// A Switch forwards packets between its ports as its bridges' rule tables say.
type Switch struct {
	o        Options
	clock    *cpu.Clock
	flows    *flowcache.Megaflow
	lists    *flowcache.Lists
	meters   *meter.Store
	slow     *upcall.Handler
	reval    *reval.Revalidator
	book     *version.Book // of the versions of the rules
	journeys *version.Journeys
	group    *pmd.Group
	pipes    []*pipeline
	started  time.Time
	tables   atomic.Pointer[tables]
	options  flow.PortOptions
	numbers  *encap.Counters // of packets that go into tunnels
	running  bool            // threads do the work; if not, a Stepper does

	mu      sync.Mutex // over the ports and bridges
	bridges map[string]*bridge
	ports   map[uint32]*port
	nowhere []*port // of all bridges, those that are going included
	closed  bool

	apply  sync.Mutex // one change of configuration at a time
	syncs  rounds
	inject injector
	stop   context.CancelFunc
	learnt chan struct{} // asks for a walk soon
	ended  sync.WaitGroup
}

// tables tells which rule table decides about a port's packets, and which tables there are.
type tables struct {
	byPort  []rules.Table
	all     []rules.Table
	options []*flow.TLVMap // of all
}

// New returns a running switch without bridges. The error names the option that is out of range, or what
// the machine lacks.
func New(o Options) (*Switch, error) {
	s, err := newSwitch(o, encap.NewCounters())
	if err != nil {
		return nil, err
	}
	if err := s.group.Start(); err != nil {
		s.inject.close()
		s.slow.Close()
		for _, w := range s.pipes {
			w.close()
		}
		return nil, fmt.Errorf("start workers: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running = true
	s.slow.Start()
	s.ended.Go(func() { s.revalidate(ctx) })
	return s, nil
}

// newSwitch returns a switch of which nothing runs, whose packets that go into tunnels are numbered by numbers.
func newSwitch(o Options, numbers *encap.Counters) (*Switch, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Switch{
		o:       o,
		clock:   o.Clock,
		stop:    func() {},
		bridges: make(map[string]*bridge),
		ports:   make(map[uint32]*port),
		started: time.Now(),
		learnt:  make(chan struct{}, 1),
		numbers: numbers,
	}
	s.tables.Store(&tables{})
	s.lists = flowcache.NewLists(o.Cache.ListWords)
	s.meters = meter.NewStore(o.Workers.Count)
	s.book, s.journeys = new(version.Book), version.NewJourneys(o.Pool)
	var err error
	s.flows, err = flowcache.New(flowcache.Options{
		Flows: o.Cache.Flows, MasksPerPort: o.Cache.MasksPerPort, Seed: o.Seed, Lists: s.lists,
		Retired: func(slot flowcache.Slot, st flowcache.Stats, trail flowcache.ListID) {
			s.reval.Retired(slot, st, trail)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("megaflow cache: %w", err)
	}
	x := s.extractor()
	s.slow, err = upcall.NewHandler(upcall.Config{
		Pool: o.Pool, Extractor: x, Flows: s.flows, Lists: s.lists, Book: s.book, Journeys: s.journeys, TableOf: s.tableOf,
		Installed: func(slot flowcache.Slot, t rules.Table) { s.reval.Installed(slot, t) },
		Credit:    func(slot flowcache.Slot, size int, now int64) { s.reval.Credit(slot, size, now) },
		Now:       s.clock.Now, Learned: s.learned, Shared: o.Server == ByWorkersAndThread, Log: o.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("slow path: %w", err)
	}
	if s.inject.frames, err = o.Pool.NewCache(); err != nil {
		s.slow.Close()
		return nil, fmt.Errorf("packets of tables: %w", err)
	}
	s.inject.queue = ring.NewMPSC[injection](injectDepth)
	s.reval = reval.New(reval.Config{
		Flows: s.flows, Lists: s.lists, Book: s.book, Locked: s.slow.Locked, Tables: func() []rules.Table { return s.tables.Load().all },
		TableOf: s.tableOf, Now: s.clock.Now, MaxIdle: o.MaxIdle,
	})
	if err := s.makeWorkers(x); err != nil {
		s.inject.close()
		s.slow.Close()
		for _, w := range s.pipes {
			w.close()
		}
		return nil, fmt.Errorf("make workers: %w", err)
	}
	return s, nil
}

// makeWorkers makes the workers, which do not run yet, and a pipeline for each.
func (s *Switch) makeWorkers(x flow.Extractor) error {
	var lanes []*upcall.Lane
	var workers []pmd.WorkerConfig
	for i := range s.o.Workers.Count {
		w, err := s.newPipeline(x, i)
		if err != nil {
			return fmt.Errorf("worker %d: %w", i, err)
		}
		if i == 0 {
			w.inject = &s.inject
		}
		s.pipes = append(s.pipes, w)
		lanes = append(lanes, w.lane)
		pin := -1
		if i < len(s.o.Workers.CPUs) {
			pin = s.o.Workers.CPUs[i]
		}
		workers = append(workers, pmd.WorkerConfig{ID: i, CPU: pin, Latency: s.o.Workers.Latency})
	}
	s.slow.SetLanes(lanes)
	group, err := pmd.NewGroup(pmd.GroupConfig{
		Workers: workers, Processor: func(i int) pmd.Processor { return s.pipes[i] },
		Rebalance: s.o.Workers.Rebalance, Node: s.o.Workers.Node,
		Clock: s.clock, Log: s.o.Log,
	})
	if err != nil {
		return err
	}
	s.group = group
	return nil
}

// newPipeline returns worker i's pipeline.
func (s *Switch) newPipeline(x flow.Extractor, i int) (*pipeline, error) {
	frames, err := s.o.Pool.NewCache()
	if err != nil {
		return nil, err
	}
	flows, held := s.o.waiting()
	w := &pipeline{
		id: i, meters: s.meters,
		pool: s.o.Pool, frames: frames, x: x,
		emc:   flowcache.NewEMC(s.o.Cache.EMCEntries, s.o.Cache.EMCInsert, s.flows),
		flows: s.flows.NewReader(), lists: s.lists, book: s.book, journeys: s.journeys, count: newCounters(),
		clock: s.clock.Now, now: s.clock.Now(),
		lane: upcall.NewLane(flows, func() { s.wake(i) }), slow: s.slow, kick: s.slow.Kick,
		waiting: upcall.NewWaiting(s.o.Pool, flows, held), stages: new(stage.Clock),
	}
	w.pushing.pusher = encap.Pusher{Pool: s.o.Pool, Counters: s.numbers}
	if s.o.Server != ByThread {
		take := w.resolve // bound once: a call of a method as a value makes one each time
		w.kick, w.serve = func() { w.asking = true }, func() int { return s.slow.Serve(w.lane, take, w.leisure.credit) }
	}
	return w, nil
}

func (s *Switch) wake(worker int) { s.group.Workers()[worker].Wake() }

func (s *Switch) onWorker(worker int, fn func()) { s.group.Workers()[worker].Do(fn) }

// tableOf returns the rule table that decides about packets from a port; nil when there is none.
func (s *Switch) tableOf(port uint32) rules.Table {
	t := s.tables.Load()
	if int(port) >= len(t.byPort) {
		return nil
	}
	return t.byPort[port]
}

// learned asks whether a walk over the flow cache is due: a look-up may have changed a table, or filled
// the cache.
func (s *Switch) learned() {
	select {
	case s.learnt <- struct{}{}:
	default:
	}
}

// soon is how long after a packet taught a table something the flow cache follows, unless walks over it
// take long: see reval.Revalidator.Rest. Changes made through Sync do not wait.
const soon = 10 * time.Millisecond

// revalidate walks over the flow cache at the configured interval, and soon after a table learned or the
// cache filled up. At the interval it also puts the masks hit most first.
func (s *Switch) revalidate(ctx context.Context) {
	tick := time.NewTicker(s.o.Revalidate)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.reval.Walk()
			s.slow.Locked(s.flows.SortMasks)
		case <-s.learnt:
			// A walk must not keep the slow path from its work when there is most of it.
			sleep(ctx, max(soon, min(s.reval.Rest(), s.o.Revalidate)))
			if s.reval.Due() {
				s.reval.Walk()
			}
		}
	}
}

// Sync brings the caches into agreement with the rule tables. When it returns, no packet is handled
// by rules as they were before the call. Changes made together need one Sync, and callers at the same time
// share one: see rounds.
func (s *Switch) Sync() { s.syncs.do(s.sync) }

func (s *Switch) sync() {
	s.followOptions()
	s.reval.Walk()
	for _, w := range s.pipes {
		for mark := w.lane.Mark(); !w.lane.Answered(mark); {
			w.lane.Wake()
			time.Sleep(20 * time.Microsecond)
		}
	}
	for mark := s.inject.pushed.Load(); s.running && s.inject.done.Load() < mark; {
		s.wake(0)
		time.Sleep(20 * time.Microsecond)
	}
}

// Close stops the workers and closes every port. Every frame is back in the pool when it returns.
func (s *Switch) Close() error {
	s.apply.Lock()
	defer s.apply.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var all []*port
	for _, p := range s.ports {
		all = append(all, p)
	}
	s.mu.Unlock()
	s.inject.close()
	for _, p := range all {
		s.removePort(p)
	}
	s.mu.Lock()
	tables := s.tables.Load().all
	s.bridges = nil
	s.publishTables()
	left := s.leftNowhere()
	s.mu.Unlock()
	for _, p := range left {
		s.removeNowhere(p)
	}
	for _, t := range tables {
		s.takeBack(t)
	}
	s.stop()
	s.ended.Wait()
	if s.running {
		s.slow.Stop()
	}
	s.slow.Drain()
	s.group.Stop()
	for _, w := range s.pipes {
		w.close()
	}
	s.slow.Close()
	return nil
}

// close gives back everything the pipeline holds. Its worker has stopped.
func (w *pipeline) close() {
	w.takeAllAnswers()
	w.takeInjected()
	for hash, ok := w.waiting.Any(); ok; hash, ok = w.waiting.Any() {
		list, _ := w.waiting.Remove(hash)
		for list.Len() > 0 {
			f, _ := list.Pop(w.pool)
			w.frames.Put(f)
		}
	}
	if w.popping.fragments != nil {
		w.popping.fragments.Close()
	}
	w.publish()
	w.flows.Close()
	w.frames.Close()
}

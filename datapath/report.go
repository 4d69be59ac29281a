package datapath

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// Ports returns the state of every port, by bridge and OpenFlow number.
func (s *Switch) Ports() []PortStatus {
	owners := s.queueOwners()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []PortStatus
	for _, p := range s.ports {
		all = append(all, p.status(owners, len(s.pipes)))
	}
	slices.SortFunc(all, func(a, b PortStatus) int {
		return cmp.Or(cmp.Compare(a.Bridge, b.Bridge), cmp.Compare(a.Number, b.Number))
	})
	return all
}

// owned is what a worker says of a receive queue it has.
type owned struct {
	worker int
	pmd.QueueStats
}

func (s *Switch) queueOwners() map[pmd.RxQueue]owned {
	owners := make(map[pmd.RxQueue]owned)
	for i, w := range s.group.Workers() {
		for _, q := range w.Stats().Queues {
			owners[q.Queue] = owned{worker: i, QueueStats: q}
		}
	}
	return owners
}

func (p *port) status(owners map[pmd.RxQueue]owned, workers int) PortStatus {
	st := PortStatus{
		ID: p.id, Number: p.number, Name: p.cfg.Name, Bridge: p.bridge.name, Config: p.cfg.clone(),
		Flags: p.flags,
		Open:  p.dev != nil, Err: p.err, Reopens: max(p.opens, 1) - 1,
		Samples: slices.Clone(p.past),
	}
	for _, v := range p.views {
		if v.tunnel != nil {
			st.Samples = v.tunnel.Samples(st.Samples)
		}
	}
	st.Samples = counter.Sum(st.Samples)
	if p.dev == nil {
		return st
	}
	st.Info, st.LinkUp = p.dev.Info(), p.dev.LinkUp()
	for i, q := range p.dev.RxQueues() {
		o, ok := owners[q]
		if !ok {
			o.worker = -1
		}
		st.Queues = append(st.Queues, QueueStatus{
			Index: i, Worker: o.worker, Cycles: o.Cycles, Packets: o.Packets, Samples: q.Counters().Samples(nil),
		})
	}
	for i, q := range p.dev.TxQueues() {
		worker := i
		if i >= workers {
			worker = -1
		}
		st.Queues = append(st.Queues, QueueStatus{Tx: true, Index: i, Worker: worker, Samples: q.Counters().Samples(nil)})
	}
	for _, q := range st.Queues {
		st.Samples = append(st.Samples, q.Samples...)
	}
	st.Samples = counter.Sum(p.dev.Samples(st.Samples))
	return st
}

// Stats returns what the switch has counted. Workers publish once a millisecond and before
// they sleep.
func (s *Switch) Stats() Stats {
	st := Stats{
		Since:    s.started,
		SlowPath: s.reval.Counters().Samples(s.slow.Counters().Samples(nil)),
		Flows:    FlowStats{Flows: s.flows.Len(), Capacity: s.flows.Cap(), Samples: s.flows.Counters().Samples(nil)},
		Ports:    s.PortFlows(),
		Bridges:  s.bridgeStats(),
		Frames:   frameStats(s.o.Pool),
	}
	for i, w := range s.pipes {
		ws := WorkerStats{
			WorkerStats: s.group.Workers()[i].Stats(),
			Caches:      w.count.levels.Samples(nil),
			Events:      w.count.events.Samples(nil),
			Drops:       w.count.drops.Samples(nil),
		}
		st.Workers = append(st.Workers, ws)
		st.Caches = append(st.Caches, ws.Caches...)
		st.Events = append(st.Events, ws.Events...)
		st.Drops = append(st.Drops, ws.Drops...)
	}
	st.Caches, st.Events, st.Drops = counter.Sum(st.Caches), counter.Sum(st.Events), counter.Sum(st.Drops)
	return st
}

// dumpPiece is the number of cache slots looked at under one hold of the slow path's lock.
const dumpPiece = 256

// Flows returns the cached megaflows. The dump is no moment's picture: flows may come and go while
// it is taken.
func (s *Switch) Flows() []CachedFlow {
	names := s.portNames()
	var dump []CachedFlow
	for from, end := flowcache.Slot(1), flowcache.Slot(2); from < end; from += dumpPiece {
		s.slow.Locked(func() {
			end = s.flows.Bound()
			for slot := from; slot < min(from+dumpPiece, end); slot++ {
				if f, ok := s.cachedFlow(slot, names); ok {
					dump = append(dump, f)
				}
			}
		})
	}
	return dump
}

func (s *Switch) cachedFlow(slot flowcache.Slot, names func(uint32) string) (CachedFlow, bool) {
	var f flowcache.Flow
	if !s.flows.Flow(slot, &f) {
		return CachedFlow{}, false
	}
	st := s.flows.Stats(slot)
	c := CachedFlow{
		Actions: action.Format(s.lists.Get(f.Actions), names),
		Packets: st.Packets, Bytes: st.Bytes,
		LastUsed: time.Duration(max(0, s.clock.Now()-st.LastUsed)),
	}
	c.Match.Key, c.Match.Mask = f.Key, f.Mask
	return c, true
}

// bridgeStats returns what rule tables count, by bridge.
func (s *Switch) bridgeStats() []BridgeStats {
	s.mu.Lock()
	tables := make(map[string]rules.Table, len(s.bridges))
	for name, b := range s.bridges {
		tables[name] = b.table
	}
	s.mu.Unlock()
	var all []BridgeStats
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if c, ok := rules.As[rules.Counter](tables[name]); ok {
			all = append(all, BridgeStats{name, c.Samples()})
		}
	}
	return all
}

// portNames returns a function that names datapath ports.
func (s *Switch) portNames() func(uint32) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make(map[uint32]string, len(s.ports))
	for id, p := range s.ports {
		names[id] = p.cfg.Name
	}
	return func(id uint32) string {
		if n, ok := names[id]; ok {
			return n
		}
		return fmt.Sprintf("port%d", id)
	}
}

func frameStats(p *frame.Pool) FrameStats {
	return FrameStats{Buffers: p.Buffers(), BufferSize: p.BufferSize(), Free: p.Free(), Pages: p.Pages()}
}

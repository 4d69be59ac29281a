package datapath

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// port is a configured port, whether its device is there or not. Switch.mu guards it.
type port struct {
	id     uint32
	number uint32     // OpenFlow port
	cfg    PortConfig // VLAN, Protected, Multicast and Number may change while the port lives, the rest does not
	flags  rules.PortFlags
	bridge *bridge

	dev    pmd.Port         // nil while it is not open
	ends   []pmd.TunnelEnd  // what of the device is ours, if shared is set
	shared bool             // with the host
	err    error            // why not
	linkUp bool             // as last logged
	opens  uint64           // how often a device was put to use
	past   []counter.Sample // what earlier openings had counted
	share  *upcall.Share    // of the slow path
	rate   *upcall.Rate     // of new flows
	sends  *upcall.Rate     // of packets given to the rule table

	views  []*workerPort   // one per worker, for the port's life
	ctx    context.Context // the supervisor's
	cancel context.CancelFunc
	exited chan struct{} // closed when the supervisor has ended
}

// bridge is a rule table and its ports.
type bridge struct {
	name  string
	table rules.Table
	ports map[uint32]*port // by datapath port
	// nowhere is the port of packets that came in by none: see addNowhere.
	nowhere *port
}

// newPort makes a port known to every worker, with no device yet.
func (s *Switch) newPort(id uint32, br *bridge, number uint32, cfg PortConfig) *port {
	p := &port{
		id: id, number: number, cfg: cfg.clone(), bridge: br, exited: make(chan struct{}),
		share: upcall.NewShare(), rate: new(upcall.Rate), sends: new(upcall.Rate),
	}
	s.limit(p)
	delivery := upcall.NewShare()
	flows, _ := s.o.waiting()
	for _, w := range s.pipes {
		p.views = append(p.views, &workerPort{
			id: id,
			up: &upcall.Queue{
				Port: id, Share: p.share, Requests: ring.NewSPSC[upcall.Request](min(s.o.QueueLength, flows)),
				Delivery: delivery, Sent: ring.NewSPSC[upcall.Sent](sendDepth),
			},
			sources: upcall.NewSources(s.o.QueueLength, w.waiting),
			rate:    p.rate,
			sends:   p.sends,
			fresh:   counter.NewBlock(newFlowCounters()),
		})
	}
	for i, w := range s.pipes {
		s.onWorker(i, func() { w.setPort(id, p.views[i]) })
	}
	return p
}

// limit makes the port's limits what its configuration says.
func (s *Switch) limit(p *port) {
	l := p.cfg.Limits
	p.rate.Set(cmp.Or(l.NewFlows, s.o.NewFlows))
	p.sends.Set(max(0, s.o.SendRate))
	s.slow.Locked(func() {
		// The error would be that of a port number the cache does not serve; admit takes none.
		_ = s.flows.SetPort(p.id, flowcache.Limits{Masks: l.Masks, Flows: l.Flows})
	})
}

// setQueues gives the slow path the request queues of all ports, in the order of their ids: who is served
// first must not be chance, or no run repeats another.
func (s *Switch) setQueues() {
	for i, w := range s.pipes {
		var qs []*upcall.Queue
		for _, id := range slices.Sorted(maps.Keys(s.ports)) {
			qs = append(qs, s.ports[id].views[i].up)
		}
		for _, p := range s.nowhere {
			qs = append(qs, p.views[i].up)
		}
		w.lane.SetQueues(qs)
	}
}

// attach puts the queues of an opened device to use.
func (s *Switch) attach(p *port, dev pmd.Port) error {
	p.dev, p.err, p.linkUp = dev, nil, dev.LinkUp()
	info := dev.Info()
	room := math.MaxInt // a port that does not say takes anything
	if info.MTU > 0 {
		room = info.MTU + wire.EthernetSize + 2*wire.VLANTagSize
	}
	stages := transmitPlan(dev.TxQueues(), len(s.pipes), s.wake)
	for i, w := range s.pipes {
		s.onWorker(i, func() {
			v := p.views[i]
			v.partial, v.mtu, v.room, v.takes = info.PartialChecksums, info.MTU, room, info.Takes
			if len(dev.RxQueues())+len(dev.TxQueues()) == 0 && v.tunnel == nil {
				v.tunnel = counter.NewBlock(tunnelCounters())
			}
			w.connect(v, stages[i])
		})
	}
	if err := s.group.AddPort(p.id, dev.RxQueues(), pmd.PortPlacement{Node: info.NUMA, Pins: p.cfg.Pins}); err != nil {
		s.detach(p)
		return err
	}
	p.opens++
	return p.tellEnds()
}

// transmitPlan shares a port's transmit queues out to n workers: one each as far as they go; the
// other workers hand their frames over to one that has a queue.
func transmitPlan(qs []pmd.TxQueue, n int, wake func(worker int)) []txStage {
	stages := make([]txStage, n)
	owners := min(len(qs), n)
	for i := range stages {
		switch {
		case i < owners:
			stages[i].q = qs[i]
		case owners > 0:
			owner := i % owners
			if stages[owner].from == nil {
				stages[owner].from = &handover{
					frames: ring.NewMPSC[frame.Frame](handoverDepth),
					wake:   func() { wake(owner) },
				}
			}
			stages[i].to = stages[owner].from
		}
	}
	return stages
}

// detach takes the device's queues out of use; nothing refers to them when it returns.
func (s *Switch) detach(p *port) {
	s.group.RemovePort(p.id)
	// First no worker hands frames over any more, then the rings can be emptied for good.
	for i, w := range s.pipes {
		s.onWorker(i, func() { w.disconnect(p.views[i]) })
	}
	for i, w := range s.pipes {
		s.onWorker(i, func() { w.abandon(p.views[i]) })
	}
	for _, q := range p.dev.RxQueues() {
		q.Counters().Publish()
		p.past = q.Counters().Samples(p.past)
	}
	for _, q := range p.dev.TxQueues() {
		q.Counters().Publish()
		p.past = q.Counters().Samples(p.past)
	}
	p.past = counter.Sum(p.dev.Samples(p.past))
	p.dev = nil
}

// setPort makes p the worker's view of a port; nil forgets it.
func (w *pipeline) setPort(id uint32, p *workerPort) {
	for int(id) >= len(w.ports) {
		w.ports = append(w.ports, nil)
	}
	w.ports[id] = p
	w.known = w.known[:0]
	for _, p := range w.ports {
		if p != nil {
			w.known = append(w.known, p)
		}
	}
}

// connect gives the worker's view of a port a queue, or a ring to one.
func (w *pipeline) connect(p *workerPort, t txStage) {
	listed := p.tx.listed
	p.tx = t
	p.tx.listed = listed
	if t.from != nil {
		w.served = append(w.served, p)
	}
}

// disconnect sends what is staged and forgets the queue, or the ring to it. What other workers have
// handed over stays for abandon.
func (w *pipeline) disconnect(p *workerPort) {
	if p.tx.batch.Len() > 0 {
		w.send(&p.tx)
	}
	if p.tx.q != nil {
		p.tx.q.Flush()
	}
	p.tx.q, p.tx.to = nil, nil
}

// abandon drops what other workers had handed over.
func (w *pipeline) abandon(p *workerPort) {
	if p.tx.from == nil {
		return
	}
	for {
		n := p.tx.from.frames.PopN(w.taken[:])
		if n == 0 {
			break
		}
		w.count.drop(dropPortGone, n)
		w.free(w.taken[:n])
	}
	p.tx.from = nil
	for i, q := range w.served {
		if q == p {
			w.served = append(w.served[:i], w.served[i+1:]...)
			break
		}
	}
}

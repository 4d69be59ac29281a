package vhost

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/vhost/proto"
)

// A Port is the switch's end of a vhost-user connection.
//
// Thread-safety: as [pmd.Port] says.
type Port struct {
	o     Options
	log   *sayings
	info  pmd.Info // without notes of the session
	takes pmd.Takes
	rings []*ring // 2i: what pair i of the guest receives; 2i+1: what it transmits
	rx    []*rxQueue
	tx    []*txQueue
	rxs   []pmd.RxQueue
	txs   []pmd.TxQueue

	pmd.Life
	cancel context.CancelFunc
	ended  chan struct{} // closed when the port's goroutine has ended
	link   atomic.Bool   // the guest's driver receives
	idle   atomic.Bool   // but takes nothing: see idleness
	bin    proto.Bin     // for descriptors that frontends send
	faults chan error    // what a worker found wrong with a guest; one is enough

	state state
}

func open(name string, o Options) (*Port, error) {
	p, err := newPort(name, o)
	if err != nil {
		return nil, err
	}
	way, err := newWay(o)
	if err != nil {
		return nil, errors.Join(err, p.release())
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go p.run(ctx, way)
	return p, nil
}

// newPort returns a port that nobody looks for a guest for.
func newPort(name string, o Options) (*Port, error) {
	p := &Port{
		o: o, log: &sayings{log: o.Log.With("port", name, "driver", DriverName)},
		faults: make(chan error, 1), ended: make(chan struct{}),
	}
	p.info = pmd.Info{Name: name, Driver: DriverName, MAC: o.MAC, MTU: o.MTU, NUMA: -1, Takes: &p.takes}
	p.state.begin(o)
	for range o.Queues {
		if err := p.addPair(); err != nil {
			return nil, errors.Join(err, p.release())
		}
	}
	return p, nil
}

// addPair makes the rings and queues of the next queue pair.
func (p *Port) addPair() error {
	receives, transmits := p.newRing(), p.newRing()
	if err := errors.Join(receives.call.bell.Open(), transmits.call.bell.Open()); err != nil && len(p.rings) == 0 {
		p.log.Warn("a frontend can hold up who tells it of packets, until it is freed", "reason", err)
	}
	p.rings = append(p.rings, receives, transmits)
	c, err := p.o.Pool.NewCache()
	if err != nil {
		return err
	}
	rx := &rxQueue{
		ring: transmits, pool: p.o.Pool, cache: c, counters: counter.NewBlock(rxCounters()),
		gather: gather{now: p.o.Clock.Now, wait: int64(p.o.Gather)},
	}
	p.rx, p.rxs = append(p.rx, rx), append(p.rxs, rx)
	if err := rx.waker.open(); err != nil {
		return err
	}
	if c, err = p.o.Pool.NewCache(); err != nil {
		return err
	}
	tx := &txQueue{pool: p.o.Pool, cache: c, counters: counter.NewBlock(txCounters())}
	p.tx, p.txs = append(p.tx, tx), append(p.txs, tx)
	return nil
}

// newRing returns a ring that does not exist yet.
func (p *Port) newRing() *ring {
	r := &ring{down: p.fault}
	r.call.fd = -1
	r.gate.Bar()
	return r
}

// fault ends the session because of something the guest did. It does not block.
func (p *Port) fault(err error) {
	select {
	case p.faults <- err:
	default: // the session is ending already
	}
}

// release gives back what open took, all of it or a part.
func (p *Port) release() error {
	var err error
	for _, r := range p.rings {
		r.call.bell.Close()
	}
	for _, q := range p.rx {
		err = errors.Join(err, q.close())
	}
	for _, q := range p.tx {
		q.cache.Close()
	}
	return err
}

// Info implements pmd.Port. The notes say how things are with the guest now.
func (p *Port) Info() pmd.Info {
	info := p.info
	info.Notes = p.state.notes()
	return info
}

// RxQueues implements pmd.Port.
func (p *Port) RxQueues() []pmd.RxQueue { return p.rxs }

// TxQueues implements pmd.Port.
func (p *Port) TxQueues() []pmd.TxQueue { return p.txs }

// LinkUp implements pmd.Port: there is a guest, and its driver receives, and takes what it gets.
func (p *Port) LinkUp() bool { return p.link.Load() && !p.idle.Load() }

// Samples implements pmd.Port.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample { return p.state.samples(dst) }

// Close implements pmd.Port. The guest's frontend sees the connection end.
func (p *Port) Close() error {
	if !p.End() {
		<-p.ended
		return nil
	}
	p.cancel()
	<-p.ended
	if err := p.release(); err != nil {
		return fmt.Errorf("close vhost-user port %s: %w", p.info.Name, err)
	}
	return nil
}

package frontend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// DriverName is what Info calls this driver.
const DriverName = "vhost-frontend"

// A Port is a guest's network device.
//
// Thread-safety: as [pmd.Port] says.
type Port struct {
	o         Options
	info      pmd.Info
	log       *slog.Logger
	memory    *memory
	ringBytes [2]int // of each ring's memory, to receive and to send: the most that any layout takes
	rx        []*rxQueue
	tx        []*txQueue
	rxs       []pmd.RxQueue
	txs       []pmd.TxQueue
	cache     *frame.Cache // the session's, to free what rings have
	kept      kept         // the session's
	takes     pmd.Takes
	listener  *net.UnixListener // nil for a client
	counts    [portCounters]atomic.Uint64

	pmd.Life
	cancel  context.CancelFunc
	ended   chan struct{} // closed when the session's goroutine is gone
	guarded chan struct{} // closed when the one that frees workers is
	faults  chan error    // what workers found wrong, the first of a session
	calls   chan *call    // for the session's goroutine
	up      atomic.Bool

	mu    sync.Mutex
	state State
}

// State is what a port's session has come to.
type State struct {
	Features proto.Features         // negotiated; 0 without a session
	Protocol proto.ProtocolFeatures // negotiated
	MTU      int                    // what the back end says; 0: it does not say
	LinkDown bool                   // the back end says that its link is down
	Resumed  bool                   // the rings are those of an earlier session
	Last     error                  // what ended the last session; nil before
}

// Open opens a port. It does not wait for a back end.
func Open(name string, o Options) (*Port, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open vhost-user port %s: %w", name, err)
	}
	p := &Port{
		o: o, log: o.Log.With("port", name, "driver", DriverName),
		kept: kept{fd: -1}, ended: make(chan struct{}), guarded: make(chan struct{}),
		faults: make(chan error, 1), calls: make(chan *call),
	}
	p.info = pmd.Info{
		Name: name, Driver: DriverName, MAC: o.MAC, MTU: o.MTU, NUMA: -1, Takes: &p.takes,
		Notes: []pmd.Note{{Key: "socket", Value: o.Path}, {Key: "queues", Value: strconv.Itoa(o.Queues)}},
	}
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("open vhost-user port %s: %w", name, errors.Join(err, p.release()))
	}
	return p, nil
}

func (p *Port) open() (err error) {
	for i := range p.ringBytes {
		most := driver.Config{Size: p.o.RingSize, Table: tableOf(i)}
		p.ringBytes[i] = roundUp(max(driver.SplitLayout(most).Bytes, driver.PackedLayout(most).Bytes))
	}
	if p.memory, err = newMemory(p.o.Pool, p.ringAt(2*p.o.Queues)); err != nil {
		return err
	}
	if p.cache, err = p.o.Pool.NewCache(); err != nil {
		return err
	}
	for i := range p.o.Queues {
		if err := p.addPair(i); err != nil {
			return err
		}
	}
	if err := p.listen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go p.run(ctx)
	go p.guard()
	return nil
}

// addPair makes queue pair i.
func (p *Port) addPair(i int) error {
	rx := &rxQueue{counters: counter.NewBlock(rxCounters()), longest: p.o.MTU + tagRoom, cache: new(frame.Cache)}
	tx := &txQueue{counters: counter.NewBlock(txCounters()), longest: p.o.MTU + tagRoom, cache: new(frame.Cache)}
	p.rx, p.rxs = append(p.rx, rx), append(p.rxs, rx)
	p.tx, p.txs = append(p.tx, tx), append(p.txs, tx)
	if err := errors.Join(rx.queue.open(p, 2*i), tx.queue.open(p, 2*i+1)); err != nil {
		return err
	}
	for _, c := range []**frame.Cache{&rx.cache, &tx.cache} {
		fresh, err := p.o.Pool.NewCache()
		if err != nil {
			return err
		}
		*c = fresh
	}
	return nil
}

// tableOf returns how many buffers an indirect table of ring index has room for: packets to be sent may have several, and
// then take one entry of the ring.
func tableOf(index int) int {
	if index&1 != 0 {
		return frame.MaxChain
	}
	return 0
}

// ringAt returns where in the memory of rings the one with an index is.
func (p *Port) ringAt(index int) int {
	return index/2*(p.ringBytes[0]+p.ringBytes[1]) + index%2*p.ringBytes[0]
}

// rings returns every queue's ring, in the order of their indices.
func (p *Port) rings() []*queue {
	var qs []*queue
	for i := range p.rx {
		qs = append(qs, &p.rx[i].queue, &p.tx[i].queue)
	}
	return qs
}

// Info implements pmd.Port.
func (p *Port) Info() pmd.Info { return p.info }

// RxQueues implements pmd.Port.
func (p *Port) RxQueues() []pmd.RxQueue { return p.rxs }

// TxQueues implements pmd.Port.
func (p *Port) TxQueues() []pmd.TxQueue { return p.txs }

// LinkUp implements pmd.Port: there is a back end, and it has not said that its link is down.
func (p *Port) LinkUp() bool { return p.up.Load() }

// State returns what the session has come to.
func (p *Port) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// set changes the state.
func (p *Port) set(change func(*State)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.state)
}

// broken ends the session for the reason given, which a worker found.
func (p *Port) broken(err error) {
	select {
	case p.faults <- err:
	default: // another ring was first
	}
}

// Samples implements pmd.Port.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample {
	for i, d := range portTable() {
		dst = append(dst, counter.Sample{Desc: d, Value: p.counts[i].Load()})
	}
	return dst
}

// Close implements pmd.Port. The back end is asked to stop the rings first.
func (p *Port) Close() error {
	if !p.End() {
		return nil
	}
	p.cancel()
	<-p.ended
	<-p.guarded
	if err := p.release(); err != nil {
		return fmt.Errorf("close vhost-user port %s: %w", p.info.Name, err)
	}
	return nil
}

// release gives back what open took, all of it or a part. Nobody uses the queues.
func (p *Port) release() error {
	var err error
	if p.cache != nil {
		p.resetRings()
	}
	for i := range p.rx {
		p.rx[i].cache.Close()
		p.tx[i].cache.Close()
		err = errors.Join(err, p.rx[i].close(), p.tx[i].close())
	}
	if p.cache != nil {
		p.cache.Close()
	}
	if p.listener != nil {
		if e := p.listener.Close(); !errors.Is(e, net.ErrClosed) { // connect may have been faster
			err = errors.Join(err, e)
		}
	}
	if p.memory != nil {
		err = errors.Join(err, p.memory.close())
	}
	return err
}

var _ pmd.Port = (*Port)(nil)

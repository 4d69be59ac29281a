package frontend

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
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

var _ pmd.Port = (*Port)(nil)

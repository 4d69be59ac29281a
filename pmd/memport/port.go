package memport

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// A Port is the switch's end of a link.
//
// Thread-safety: as [pmd.Port] says.
type Port struct {
	o     Options
	link  *link
	end   int
	log   *slog.Logger
	info  pmd.Info
	rx    []pmd.RxQueue
	tx    []pmd.TxQueue
	own   ends         // the queues behind rx and tx
	leave func() error // leaves a named link; nil for a port on a link of its own
	done  chan struct{}

	mu     sync.Mutex
	err    error // why done is closed
	closed bool
	peer   *Peer // Go code at the other end; nil when none ever was
}

// ends are the queues of one end of a link.
type ends struct {
	rx []*rxQueue
	tx []*txQueue
}

// newEnds makes the queues of one end.
func (l *link) newEnds(end, mtu int) (ends, error) {
	var e ends
	for q := range l.queues {
		tx, err := newTxQueue(l, &l.in[1-end][q], &l.up[1-end], mtu)
		if err != nil {
			e.close()
			return ends{}, err
		}
		e.tx = append(e.tx, tx)
		e.rx = append(e.rx, newRxQueue(l, &l.in[end][q]))
	}
	return e, nil
}

// close gives the queues' stocks of buffers back.
func (e ends) close() {
	for _, q := range e.tx {
		q.cache.Close()
	}
}

// open makes a port of one end of l.
func (l *link) open(name string, end int, o Options) (*Port, error) {
	e, err := l.newEnds(end, o.MTU)
	if err != nil {
		return nil, err
	}
	if err := l.join(end, o, e.tx[0].cache); err != nil {
		e.close()
		return nil, err
	}
	p := &Port{
		o: o, link: l, end: end, own: e,
		log:  o.Log.With("port", name, "driver", DriverName),
		done: make(chan struct{}),
		info: pmd.Info{Name: name, Driver: DriverName, MAC: o.MAC, MTU: o.MTU, NUMA: -1},
	}
	for q := range l.queues {
		p.rx = append(p.rx, e.rx[q])
		p.tx = append(p.tx, e.tx[q])
	}
	return p, nil
}

// Info implements pmd.Port.
func (p *Port) Info() pmd.Info { return p.info }

// RxQueues implements pmd.Port.
func (p *Port) RxQueues() []pmd.RxQueue { return p.rx }

// TxQueues implements pmd.Port.
func (p *Port) TxQueues() []pmd.TxQueue { return p.tx }

// LinkUp implements pmd.Port: somebody is at the other end, and up.
func (p *Port) LinkUp() bool { return p.link.up[1-p.end].Load() }

// Done implements pmd.Port. A memory port stops only when its peer says so: [Peer.Fail].
func (p *Port) Done() <-chan struct{} { return p.done }

// Err implements pmd.Port.
func (p *Port) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Samples implements pmd.Port: there is no device that counts.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample { return dst }

// Attach makes Go code the other end of the port, with the port's own MTU and queues. The error is
// ErrTaken when there is another end already: a Peer that was not closed, or a named link, whose
// other end is for a port.
func (p *Port) Attach() (*Peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("attach to port %s: %w", p.info.Name, ErrClosed)
	}
	if p.leave != nil {
		return nil, fmt.Errorf("attach to port %s: %w", p.info.Name, ErrTaken)
	}
	peer, err := newPeer(p)
	if err != nil {
		return nil, fmt.Errorf("attach to port %s: %w", p.info.Name, err)
	}
	p.peer = peer
	return peer, nil
}

// Peer returns the other end that Open or the last Attach made, nil when there is none.
func (p *Port) Peer() *Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peer
}

// fail stops the port for the reason given, unless it is closed or stopped already.
func (p *Port) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.err != nil {
		return
	}
	p.err = err
	close(p.done)
	p.log.Debug("port stopped", "error", err)
}

// Close implements pmd.Port. The other end stays as it is and sees the link go down; a Peer has to be
// closed on its own.
func (p *Port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	var err error
	if p.leave != nil {
		err = p.leave()
	} else {
		_, err = p.link.leave(p.end, p.own.tx[0].cache)
	}
	p.own.close()
	if err != nil {
		return fmt.Errorf("close memory port %s: %w", p.info.Name, err)
	}
	return nil
}

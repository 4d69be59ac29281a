package svp

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/ring/counter"
)

// Bounds of SHOOTDOWN: it is rare, or somebody does it to harm.
const (
	shootConns = 16               // connections at a time, in and out each
	shootTick  = 20               // messages that are heard between two ticks
	shootTime  = 10 * time.Second // that a connection may be silent

	acceptAgain = 100 * time.Millisecond // after a connection that could not be taken
)

// A shooter hears and says SHOOTDOWN: that a guest is not where somebody has sent a packet for it. The
// protocol says that one host sends it to another and that no answer comes; that it goes over TCP like all
// else, to a port that all hosts agree on, is ours. Who says so has a say about answers that lead to him and
// no others: the address that the connection comes from.
type shooter struct {
	at       netip.AddrPort
	listener net.Listener
	sink     vtep.Sink
	ctx      context.Context
	stop     context.CancelFunc
	routines sync.WaitGroup
	in       callers
	out      chan struct{} // a place for each connection
	budget   atomic.Int64

	heard, ignored, crowded, deaf, sent, unsent atomic.Uint64
}

func newShooter(at netip.AddrPort, s vtep.Sink) (*shooter, error) {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, err
	}
	return newShooterAt(at, l, s), nil
}

// newShooterAt is newShooter with a listener, which the shooter owns.
func newShooterAt(at netip.AddrPort, l net.Listener, s vtep.Sink) *shooter {
	t := &shooter{at: at, listener: l, sink: s, out: make(chan struct{}, shootConns)}
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.budget.Store(shootTick)
	t.routines.Go(t.accept)
	return t
}

func (t *shooter) close() {
	t.stop()
	_ = t.listener.Close()
	t.routines.Wait()
}

// tick lets as many messages be heard as may be between two ticks.
func (t *shooter) tick() { t.budget.Store(shootTick) }

// accept takes connections.
func (t *shooter) accept() {
	for {
		c, err := t.listener.Accept()
		switch {
		case t.ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return
		case err != nil: // too many descriptors are open: there are fewer some time
			t.deaf.Add(1)
			select {
			case <-t.ctx.Done():
			case <-time.After(acceptAgain):
			}
			continue
		}
		if t.in.add(c) {
			t.crowded.Add(1)
		}
		t.routines.Go(func() {
			stop := context.AfterFunc(t.ctx, func() { _ = c.Close() })
			t.hear(c)
			stop()
			_ = c.Close()
			t.in.remove(c)
		})
	}
}

// hear reads from a connection until it ends or says something else than SHOOTDOWN.
func (t *shooter) hear(c net.Conn) {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return
	}
	for c.SetReadDeadline(time.Now().Add(shootTime)) == nil {
		m, err := readMessage(c)
		if err != nil || m.op != opShootdown {
			return
		}
		mac, vni, err := readGuest(m.body)
		if err != nil {
			return
		}
		t.in.heard(c)
		if t.budget.Add(-1) < 0 {
			t.ignored.Add(1)
			continue
		}
		t.heard.Add(1)
		t.sink.Invalidate(vtep.Scope{Question: vtep.ForMAC(vni, mac), End: from.Addr().Unmap()})
	}
}

// send tells the host at to that a guest is not at self. It does not wait.
func (t *shooter) send(q vtep.Question, self, to netip.Addr) {
	select {
	case t.out <- struct{}{}:
	default:
		t.unsent.Add(1)
		return
	}
	t.routines.Go(func() {
		defer func() { <-t.out }()
		if err := t.tell(q, self, to); err != nil {
			t.unsent.Add(1)
			return
		}
		t.sent.Add(1)
	})
}

func (t *shooter) tell(q vtep.Question, self, to netip.Addr) error {
	d := net.Dialer{Timeout: dialTime, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(self, 0))}
	c, err := d.DialContext(t.ctx, "tcp", netip.AddrPortFrom(to, t.at.Port()).String())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err = c.Write(appendMessage(nil, opShootdown, 0, guestBody(q.MAC(), q.VNI)))
	return err
}

func (t *shooter) samples() []counter.Sample {
	return []counter.Sample{
		event("vtep_svp_shot_at", "SHOOTDOWN that other hosts have sent.", t.heard.Load()),
		event("vtep_svp_shot_at_rate", "The same, beyond what may come in a tick: not acted on.", t.ignored.Load()),
		event("vtep_svp_shot_at_crowded", "Connections for SHOOTDOWN that were closed for others, having been silent longest.", t.crowded.Load()),
		event("vtep_svp_shot_at_deaf", "Times that a connection for SHOOTDOWN could not be taken.", t.deaf.Load()),
		event("vtep_svp_shot", "SHOOTDOWN sent to other hosts.", t.sent.Load()),
		event("vtep_svp_unshot", "SHOOTDOWN that could not be sent.", t.unsent.Load()),
	}
}

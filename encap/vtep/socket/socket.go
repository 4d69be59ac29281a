// Package socket is a look-up by a plug-in in a process of its own, over a unix socket (package plugin and
// docs/vtep.md have the protocol). The plug-in may come and go: it is connected to again and again, and what
// is cached goes on without it.
package socket

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/plugin"
)

const (
	retryFirst = 100 * time.Millisecond // after a connection that ended
	retryLast  = 5 * time.Second        // as long as none succeeds: twice as long every time, up to this
	pingEvery  = 2 * time.Second        // between questions how the plug-in is
	pingDown   = 200 * time.Millisecond // the same, while it says that it cannot answer
	silence    = 10 * time.Second       // without a word from the plug-in, after which it is given up
	helloTime  = 5 * time.Second        // from the connection to the plug-in's hello
	queued     = 4096                   // messages that wait to be written, those of guests aside
	maxHere    = 65536                  // guests announced
)

// Options of a Plugin.
type Options struct {
	Path string       // of the socket
	Self []netip.Addr // this host's own ends, for the plug-in to know
}

// A Plugin speaks with a plug-in over a socket. Time passes by Tick alone.
type Plugin struct {
	opt      Options
	sink     vtep.Sink
	sessions sync.WaitGroup
	ctx      context.Context // ends with the Plugin
	stop     context.CancelFunc

	mu     sync.Mutex
	now    int64    // ns, of the last Tick
	conn   *session // nil: there is none
	busy   bool     // connecting, or connected
	retry  time.Duration
	next   int64 // ns: when to connect again
	closed bool
	err    error // why there is no connection
	here   map[guestKey]vtep.Guest
	tally  tally
}

// A guestKey names a guest that was announced.
type guestKey struct {
	vni uint32
	mac [6]byte
	ip  netip.Addr
}

func keyOf(g vtep.Guest) guestKey { return guestKey{g.VNI, g.MAC, g.IP} }

// nobody is no guest's Ethernet address, whatever a guest's packets say.
var nobody [6]byte

var (
	errNotYet = errors.New("not connected yet")
	errClosed = errors.New("closed")
	errSlow   = errors.New("the plug-in does not read what it is sent")
	errWrong  = errors.New("the plug-in is wrong")
	errSilent = fmt.Errorf("the plug-in has said nothing for %v", silence)
)

// New returns a Plugin for the plug-in whose socket is at the path given, whether it is there or not.
func New(o Options) (*Plugin, error) {
	if o.Path == "" {
		return nil, errors.New("vtep socket: without a path")
	}
	p := &Plugin{opt: o, retry: retryFirst, err: errNotYet, here: make(map[guestKey]vtep.Guest)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p, nil
}

// Start implements vtep.Resolver. The first Tick connects.
func (p *Plugin) Start(s vtep.Sink) error { p.sink = s; return nil }

// connect begins a session. The lock is held.
func (p *Plugin) connect() {
	p.busy = true
	p.sessions.Go(p.run)
}

// Tick implements vtep.Ager: it connects again when it is time to, asks a silent plug-in whether it is there,
// and gives up on one that is not.
func (p *Plugin) Tick(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
	switch {
	case p.closed:
	case !p.busy && now >= p.next:
		p.connect()
	case p.conn == nil:
	default:
		p.conn.watch(now)
	}
}

// Close implements vtep.Resolver. It does not wait for a plug-in that is being connected to.
func (p *Plugin) Close() error {
	p.mu.Lock()
	p.closed = true
	if p.conn != nil {
		p.conn.end(errClosed)
	}
	p.mu.Unlock()
	p.stop()
	p.sessions.Wait()
	return nil
}

// Ask implements vtep.Resolver. Nobody has the Ethernet address zero, which is none in the protocol.
func (p *Plugin) Ask(q vtep.Question) error {
	if q.Kind == vtep.ByMAC && q.MAC() == nobody {
		p.sink.Answer(q, vtep.Answer{})
		return nil
	}
	m := plugin.Message{Type: plugin.Ask}
	m.SetQuestion(q)
	return p.send(&m)
}

// send queues a message for the plug-in.
func (p *Plugin) send(m *plugin.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		p.tally.unsent++
		return p.err
	}
	return p.conn.queue(m)
}

// Learn implements vtep.Learner, for plug-ins that want to know.
func (p *Plugin) Learn(g vtep.Guest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil || !p.conn.learns || g.MAC == nobody {
		return
	}
	m := plugin.Message{Type: plugin.Learn}
	m.SetGuest(g)
	_ = p.conn.queue(&m)
}

// Announce implements vtep.Announcer. A plug-in that comes later hears of all guests that are here then; of
// more than 65,536 it hears of the first.
func (p *Plugin) Announce(g vtep.Guest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := keyOf(g)
	if g.MAC == nobody {
		return
	}
	if _, known := p.here[k]; !known && len(p.here) >= maxHere {
		p.tally.unsent++
		return
	}
	p.here[k] = g
	p.tell(plugin.Announce, g)
}

// Withdraw implements vtep.Announcer.
func (p *Plugin) Withdraw(g vtep.Guest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.MAC == nobody {
		return
	}
	delete(p.here, keyOf(g))
	p.tell(plugin.Withdraw, g)
}

// tell says something about a guest, if there is a plug-in to hear it. The lock is held.
func (p *Plugin) tell(what string, g vtep.Guest) {
	if p.conn == nil {
		return
	}
	if !p.conn.telling.add(what, g) {
		p.conn.end(errSlow)
	}
}

// Shoot implements vtep.Shooter.
func (p *Plugin) Shoot(q vtep.Question, self, to netip.Addr) {
	if q.MAC() == nobody {
		return
	}
	m := plugin.Message{Type: plugin.Shoot, End: self, To: to}
	m.SetQuestion(q)
	_ = p.send(&m)
}

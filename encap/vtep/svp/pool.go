package svp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Times of a pool. They pass by tick alone.
const (
	resolveEvery = 30 * time.Second       // the server's name is looked up
	answerTime   = 5 * time.Second        // for an answer, after which the connection is given up
	backoffFirst = 250 * time.Millisecond // between two attempts to connect
	backoffLast  = 10 * time.Second       // each twice the one before, up to this
	dialTime     = 3 * time.Second
)

// DefaultPort is the port that an SVP server listens on.
const DefaultPort = 1296

var (
	errNoServer = errors.New("not connected to any server")
	errFull     = errors.New("the servers do not take what they are sent")
	errClosed   = errors.New("closed")
	errLate     = fmt.Errorf("no answer for %v", answerTime)
)

// A pool is a connection to each address that the server's name has. Requests go to each in turn.
//
// Thread-safety: all methods may be called at the same time.
type pool struct {
	host     string // name or address
	port     uint16
	ready    func() // called when there is a connection after there was none
	resolve  func(ctx context.Context, host string) ([]netip.Addr, error)
	ctx      context.Context
	stop     context.CancelFunc
	routines sync.WaitGroup

	mu        sync.Mutex
	now       int64 // ns, of the last tick
	conns     []*conn
	turn      int
	id        uint32
	resolving bool
	resolveAt int64 // ns
	err       error // why there is no connection
	tally     tally
}

// newPool returns a pool for a server given as host, or host:port.
func newPool(server string, ready func()) (*pool, error) {
	host, text, err := net.SplitHostPort(server)
	if err != nil {
		host, text = server, strconv.Itoa(DefaultPort)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || host == "" || port == 0 {
		return nil, fmt.Errorf("vtep svp: want a server as host or host:port, found %q", server)
	}
	p := &pool{host: host, port: uint16(port), ready: ready, err: errNoServer}
	p.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p, nil
}

// close ends all connections and waits for what goes on.
func (p *pool) close() {
	p.stop()
	p.mu.Lock()
	for _, c := range p.conns {
		c.end(errClosed)
	}
	p.mu.Unlock()
	p.routines.Wait()
}

// tick lets time pass: it looks the server's name up, connects, and gives up on servers that do not answer.
func (p *pool) tick(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
	if p.ctx.Err() != nil {
		return
	}
	if !p.resolving && now >= p.resolveAt {
		p.resolving = true
		p.routines.Go(p.look)
	}
	for _, c := range p.conns {
		c.tick(now)
	}
}

// look looks the server's name up.
func (p *pool) look() {
	list := []netip.Addr{}
	addr, err := netip.ParseAddr(p.host)
	if err == nil {
		list = append(list, addr)
	} else {
		ctx, cancel := context.WithTimeout(p.ctx, dialTime)
		list, err = p.resolve(ctx, p.host)
		cancel()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resolving, p.resolveAt = false, p.now+int64(resolveEvery)
	if err != nil {
		p.err = err
		p.resolveAt = p.now + int64(backoffLast)
		return
	}
	p.use(list)
}

// use connects to the addresses that are new, and drops those that are gone. The lock is held.
func (p *pool) use(list []netip.Addr) {
	old := p.conns
	p.conns = nil
	for _, a := range list {
		p.conns = append(p.conns, find(&old, netip.AddrPortFrom(a.Unmap(), p.port), p))
	}
	for _, c := range old {
		c.end(errClosed)
	}
	for _, c := range p.conns {
		c.tick(p.now)
	}
}

// find takes the connection to an address out of list, or makes one.
func find(list *[]*conn, to netip.AddrPort, p *pool) *conn {
	for i, c := range *list {
		if c.to == to {
			*list = append((*list)[:i:i], (*list)[i+1:]...)
			return c
		}
	}
	return &conn{pool: p, to: to, backoff: backoffFirst}
}

// send sends a request to one of the servers. done, if it returns without error, is called once, from any
// goroutine, with the answer or with the reason that there is none.
func (p *pool) send(o op, body []byte, done func(message, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.conns {
		p.turn++
		c := p.conns[p.turn%len(p.conns)]
		if c.net == nil {
			continue
		}
		p.id++
		return c.send(appendMessage(nil, o, p.id, body), p.id, done)
	}
	return p.err
}

// connected returns how many of the server's addresses there is a connection to, and why not to others.
func (p *pool) connected() (up, of int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if c.net != nil {
			up++
		}
	}
	return up, len(p.conns), p.err
}

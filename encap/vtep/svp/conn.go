package svp

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

const (
	maxWaiting = 1024 // requests without an answer on one connection
	writeTime  = 5 * time.Second
)

// A conn is the connection to one server, and the attempts to have one. Its fields are under the pool's lock.
type conn struct {
	pool    *pool
	to      netip.AddrPort
	net     net.Conn // nil: not connected
	busy    bool     // connecting or connected
	ended   bool     // not wanted any more
	out     chan []byte
	waiting map[uint32]request
	backoff time.Duration
	next    int64 // ns: when to try again
	err     error // why it ended
}

// A request waits for its answer.
type request struct {
	done func(message, error)
	sent int64 // ns
}

// tick connects when it is time to, and gives up a server that does not answer.
func (c *conn) tick(now int64) {
	if c.net == nil {
		if !c.busy && !c.ended && now >= c.next {
			c.busy = true
			c.pool.routines.Go(c.run)
		}
		return
	}
	for _, r := range c.waiting {
		if now-r.sent >= int64(answerTime) {
			c.pool.tally.late++
			c.drop(errLate)
			return
		}
	}
}

// end drops the connection for good.
func (c *conn) end(why error) {
	c.ended = true
	c.drop(why)
}

// drop ends the connection there is; the first reason counts.
func (c *conn) drop(why error) {
	if c.net == nil {
		return
	}
	if c.err == nil {
		c.err = why
	}
	_ = c.net.Close() // the reader notices
}

// send queues a message. A server that leaves the queue full is dropped.
func (c *conn) send(m []byte, id uint32, done func(message, error)) error {
	if len(c.waiting) >= maxWaiting {
		return errFull
	}
	select {
	case c.out <- m:
	default:
		return errFull
	}
	c.waiting[id] = request{done, c.pool.now}
	return nil
}

// run connects, and speaks with the server until the connection ends.
func (c *conn) run() {
	p := c.pool
	d := net.Dialer{Timeout: dialTime}
	n, err := d.DialContext(p.ctx, "tcp", c.to.String())
	if err == nil {
		err = c.talk(n)
	}
	p.mu.Lock()
	if c.err != nil {
		err = c.err
	}
	lost := c.waiting
	c.net, c.busy, c.err, c.waiting = nil, false, nil, nil
	c.next = p.now + int64(c.backoff)
	c.backoff = min(2*c.backoff, backoffLast)
	p.err = fmt.Errorf("%v: %w", c.to, err)
	err = p.err
	p.mu.Unlock()
	for _, r := range lost {
		r.done(message{}, err)
	}
}

// talk hands out answers until the connection ends.
func (c *conn) talk(n net.Conn) error {
	defer n.Close()
	p := c.pool
	p.mu.Lock()
	if c.ended || p.ctx.Err() != nil {
		p.mu.Unlock()
		return errClosed
	}
	c.net, c.out, c.waiting = n, make(chan []byte, maxWaiting), make(map[uint32]request)
	p.tally.connected++
	out, done := c.out, make(chan struct{})
	defer close(done)
	p.routines.Go(func() { write(n, out, done) })
	p.mu.Unlock()
	p.ready()
	for {
		m, err := readMessage(n)
		if err != nil {
			return err
		}
		if err := c.take(m); err != nil {
			return err
		}
	}
}

// take hands an answer to who waits for it. What nobody waits for ends the connection: the two sides do not
// understand each other.
func (c *conn) take(m message) error {
	p := c.pool
	p.mu.Lock()
	if m.op == opPing {
		defer p.mu.Unlock()
		select {
		case c.out <- appendMessage(nil, opPong, m.id, nil):
			return nil
		default:
			return errFull
		}
	}
	r, ok := c.waiting[m.id]
	delete(c.waiting, m.id)
	if ok {
		c.backoff = backoffFirst // a server that answers is a good one
	} else {
		p.tally.wrong++
	}
	p.mu.Unlock()
	if !ok {
		return fmt.Errorf("an answer (%d) to nothing that was asked", m.op)
	}
	r.done(m, nil)
	return nil
}

// write writes what is queued until done is closed.
func write(n net.Conn, out <-chan []byte, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case b := <-out:
			if n.SetWriteDeadline(time.Now().Add(writeTime)) != nil {
				return
			}
			if _, err := n.Write(b); err != nil {
				_ = n.Close() // the reader notices
				return
			}
		}
	}
}

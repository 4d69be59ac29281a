package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/encap/vtep/plugin"
)

// A session is one connection to the plug-in.
type session struct {
	conn   *plugin.Conn
	out    chan *plugin.Message // to be written
	done   chan struct{}        // closed at the end
	name   string               // what the plug-in calls itself
	learns bool

	heard   atomic.Bool // something, since the last Tick
	started int64       // ns
	last    int64       // ns: the Tick that heard something
	pinged  int64       // ns
	telling telling     // under Plugin's lock, as are those below
	ended   bool
	why     error
	down    bool
	text    string
}

// run connects and speaks with the plug-in until one side ends it.
func (p *Plugin) run() {
	s, err := p.open()
	if err == nil {
		err = p.listen(s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s != nil {
		s.end(err)
		err = s.why
	}
	p.conn, p.busy, p.err = nil, false, err
	if s != nil && p.now-s.started >= int64(silence) {
		p.retry = retryFirst // it was a good one
	}
	p.next = p.now + int64(p.retry)
	p.retry = min(2*p.retry, retryLast)
}

// open connects and exchanges greetings.
func (p *Plugin) open() (*session, error) {
	d := net.Dialer{Timeout: helloTime}
	c, err := d.DialContext(p.ctx, "unix", p.opt.Path)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(p.ctx, func() { _ = c.Close() })
	defer stop()
	s := &session{conn: plugin.NewConn(c), out: make(chan *plugin.Message, queued), done: make(chan struct{}), telling: newTelling()}
	if err := s.greet(c, p.opt); err != nil {
		_ = c.Close()
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return nil, errClosed
	}
	s.started, s.last, s.pinged = p.now, p.now, p.now
	for _, g := range p.here {
		s.telling.add(plugin.Announce, g)
	}
	p.conn, p.err = s, nil
	p.tally.connected++
	p.sessions.Go(func() { p.write(s) })
	return s, nil
}

func (s *session) greet(c net.Conn, o Options) error {
	if err := c.SetReadDeadline(time.Now().Add(helloTime)); err != nil {
		return err
	}
	if err := s.conn.Send(&plugin.Message{Type: plugin.Hello, Version: plugin.Version, Name: "culvert", Self: o.Self}); err != nil {
		return err
	}
	m, err := s.conn.Receive()
	if err != nil {
		return fmt.Errorf("waiting for the plug-in's hello: %w", err)
	}
	if m.Type != plugin.Hello || m.Version != plugin.Version {
		return fmt.Errorf("the plug-in speaks version %d of the protocol, not %d", m.Version, plugin.Version)
	}
	s.name, s.learns, s.down, s.text = m.Name, m.Learns, m.Down, m.Text
	return c.SetReadDeadline(time.Time{})
}

// listen hands over what the plug-in says, until the connection ends.
func (p *Plugin) listen(s *session) error {
	p.sink.Recovered()
	for {
		m, err := s.conn.Receive()
		if err == nil {
			s.heard.Store(true)
			err = p.handle(s, m)
		}
		if errors.Is(err, errWrong) || errors.Is(err, plugin.ErrMessage) {
			p.mu.Lock()
			p.tally.wrong++
			p.mu.Unlock()
		}
		if err != nil {
			return err
		}
	}
}

// handle takes a message. One that is wrong ends the session; types that it does not know are passed over.
func (p *Plugin) handle(s *session, m *plugin.Message) error {
	switch m.Type {
	case plugin.Answer:
		q, err := m.Question()
		if err != nil {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
		a, err := m.Answer()
		if err != nil {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
		p.sink.Answer(q, a)
	case plugin.Invalidate:
		scope, err := m.Scope()
		if err != nil {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
		p.sink.Invalidate(scope)
	case plugin.Recovered:
		p.sink.Recovered()
	case plugin.Pong:
		p.mu.Lock()
		s.down, s.text = m.Down, m.Text
		p.mu.Unlock()
	}
	return nil
}

// write tells the plug-in of guests, and what is queued. Whatever it is asked, it has been told before what was said of guests
// until then, of which its answer may be about. It ends when the connection is closed, which the reader notices.
func (p *Plugin) write(s *session) {
	for {
		select {
		case <-s.done:
			return
		case m := <-s.out:
			if !p.tellAll(s) || s.conn.Send(m) != nil {
				return
			}
		case <-s.telling.news:
			if !p.tellAll(s) {
				return
			}
		}
	}
}

// tellAll tells the plug-in of all guests that it is yet to be told of, and reports whether it takes that.
func (p *Plugin) tellAll(s *session) bool {
	for more := true; more; {
		var list []plugin.Message
		p.mu.Lock()
		list, more = s.telling.take()
		p.mu.Unlock()
		for i := range list {
			if s.conn.Send(&list[i]) != nil {
				return false
			}
		}
	}
	return true
}

// queue queues a message. A plug-in that leaves the queue full is cut off. Plugin's lock is held.
func (s *session) queue(m *plugin.Message) error {
	select {
	case s.out <- m:
		return nil
	default:
		s.end(errSlow)
		return errSlow
	}
}

// watch asks a plug-in how it is, all the more if it cannot answer, and ends the session of one that stays silent. Plugin's
// lock is held.
func (s *session) watch(now int64) {
	if s.heard.Swap(false) {
		s.last = now
	}
	every := pingEvery
	if s.down {
		every = pingDown
	}
	switch {
	case now-s.last >= int64(silence):
		s.end(errSilent)
	case now-s.pinged >= int64(every):
		s.pinged = now
		_ = s.queue(&plugin.Message{Type: plugin.Ping})
	}
}

// end ends the session; the first reason is the one shown. Plugin's lock is held.
func (s *session) end(why error) {
	if s.ended {
		return
	}
	s.ended, s.why = true, why
	close(s.done)
	_ = s.conn.Close()
}

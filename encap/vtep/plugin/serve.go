package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// Listen makes the unix socket of a plug-in at path, in the place of one that a dead process has left, and of nothing else.
func Listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("%s: there is something that is no socket", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("%s: somebody listens there", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

// Serve makes a vtep.Resolver a plug-in in a process of its own: for each switch that connects to l it calls
// open, with the switch's own ends, and connects the two. What the Resolver is besides (vtep.Learner,
// vtep.Announcer, vtep.Shooter, vtep.Ager) works over the socket as well. It returns when ctx is done, with
// all connections closed, or when l fails.
func Serve(ctx context.Context, l net.Listener, name string, open func(self []netip.Addr) (vtep.Resolver, error)) error {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		sessions.Go(func() {
			s := session{conn: NewConn(c), name: name}
			stop := context.AfterFunc(ctx, func() { _ = c.Close() })
			defer stop()
			defer c.Close()
			_ = s.run(ctx, open) // the switch notices, and says why it ended
		})
	}
}

// A session is one switch that is connected. It is the sink of its Resolver.
type session struct {
	conn *Conn
	name string
	look vtep.Resolver
}

func (s *session) run(ctx context.Context, open func([]netip.Addr) (vtep.Resolver, error)) error {
	hello, err := s.conn.Receive()
	if err != nil {
		return err
	}
	if hello.Type != Hello || hello.Version != Version {
		return fmt.Errorf("%s of version %d instead of hello of version %d", hello.Type, hello.Version, Version)
	}
	if s.look, err = open(hello.Self); err != nil {
		return err
	}
	defer s.look.Close()
	_, learns := s.look.(vtep.Learner)
	if err := s.conn.Send(&Message{Type: Hello, Version: Version, Name: s.name, Learns: learns}); err != nil {
		return err
	}
	if err := s.look.Start(s); err != nil {
		return err
	}
	if err := s.pong(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var ticks sync.WaitGroup
	defer ticks.Wait()
	defer stop()
	if a, ok := s.look.(vtep.Ager); ok {
		a.Tick(0)
		ticks.Go(func() { tick(ctx, a) })
	}
	for {
		m, err := s.conn.Receive()
		if err != nil {
			return err
		}
		if err := s.handle(m); err != nil {
			return err
		}
	}
}

// tick lets time pass for a Resolver.
func tick(ctx context.Context, a vtep.Ager) {
	start := time.Now()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			a.Tick(int64(time.Since(start)))
		}
	}
}

// handle does what the switch asks for. Types that it does not know are passed over.
func (s *session) handle(m *Message) error {
	switch m.Type {
	case Ask:
		q, err := m.Question()
		if err != nil {
			return err
		}
		_ = s.look.Ask(q) // the switch asks again
	case Ping:
		return s.pong()
	case Shoot:
		q, err := m.Question()
		if to, ok := s.look.(vtep.Shooter); ok && err == nil {
			to.Shoot(q, m.End.Unmap(), m.To.Unmap())
		}
		return err
	case Learn, Announce, Withdraw:
		g, err := m.Guest()
		if err != nil {
			return err
		}
		s.guest(m.Type, g)
	}
	return nil
}

// pong says how the Resolver is.
func (s *session) pong() error {
	status := s.look.Status()
	return s.conn.Send(&Message{Type: Pong, Down: !status.Up, Text: status.Text})
}

func (s *session) guest(what string, g vtep.Guest) {
	l, learns := s.look.(vtep.Learner)
	a, announces := s.look.(vtep.Announcer)
	switch {
	case what == Learn && learns:
		l.Learn(g)
	case what == Announce && announces:
		a.Announce(g)
	case what == Withdraw && announces:
		a.Withdraw(g)
	}
}

// send sends a message. A switch that does not take it is gone, which run notices.
func (s *session) send(m *Message) { _ = s.conn.Send(m) }

// Answer implements vtep.Sink.
func (s *session) Answer(q vtep.Question, a vtep.Answer) {
	m := Message{Type: Answer}
	m.SetQuestion(q)
	m.SetAnswer(&a)
	s.send(&m)
}

// Invalidate implements vtep.Sink.
func (s *session) Invalidate(scope vtep.Scope) {
	m := Message{Type: Invalidate}
	m.SetScope(scope)
	s.send(&m)
}

// Recovered implements vtep.Sink.
func (s *session) Recovered() { s.send(&Message{Type: Recovered}) }

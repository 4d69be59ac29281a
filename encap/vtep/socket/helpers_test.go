package socket

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/plugin"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

var (
	guest = vtep.ForMAC(7, [6]byte{2, 0, 0, 0, 0, 1})
	here  = vtep.Guest{VNI: 7, MAC: [6]byte{2, 0, 0, 0, 0, 9}, End: vtep.End{Addr: netip.MustParseAddr("192.0.2.9"), Key: 7}}
	found = vtep.Answer{Ends: []vtep.End{{Addr: netip.MustParseAddr("192.0.2.1"), Key: 7}}}
)

// A stand is a Plugin, and the plug-in at the other end of its socket, which tests play.
type stand struct {
	t *testing.T
	*Plugin
	sink   *vteptest.Sink
	listen net.Listener
	clock  int64
}

func newStand(t *testing.T) *stand {
	t.Helper()
	dir, err := os.MkdirTemp("", "vtep") // a short path: sockets have 108 bytes for it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &stand{t: t, sink: vteptest.NewSink()}
	path := filepath.Join(dir, "s")
	if s.listen, err = plugin.Listen(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.listen.Close() })
	if s.Plugin, err = New(Options{Path: path, Self: []netip.Addr{netip.MustParseAddr("192.0.2.9")}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Plugin.Close() })
	return s
}

func (s *stand) start() {
	s.t.Helper()
	if err := s.Start(s.sink); err != nil {
		s.t.Fatal(err)
	}
	s.Tick(s.clock)
}

// pass lets time pass.
func (s *stand) pass(d time.Duration) {
	s.clock += int64(d)
	s.Tick(s.clock)
}

// silent accepts a connection, on which nothing is said, until the test ends.
func (s *stand) silent() net.Conn {
	s.t.Helper()
	c, err := s.listen.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// accept takes a connection up to the exchange of greetings.
func (s *stand) accept() *peer {
	s.t.Helper()
	recovered := s.sink.Recoveries()
	c, err := s.listen.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(vteptest.Patience)); err != nil {
		s.t.Fatal(err)
	}
	p := &peer{t: s.t, raw: c, conn: plugin.NewConn(c)}
	if m := p.receive(plugin.Hello); m.Version != plugin.Version || len(m.Self) != 1 {
		s.t.Fatalf("hello: %+v", m)
	}
	p.send(&plugin.Message{Type: plugin.Hello, Version: plugin.Version, Name: "test", Learns: true})
	s.sink.Until(s.t, "the connection", func() bool { return s.sink.Recoveries() > recovered })
	return p
}

// down waits until the connection has ended, which only the status shows.
func (s *stand) down() {
	s.t.Helper()
	for end := time.Now().Add(vteptest.Patience); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		busy := s.busy
		s.mu.Unlock()
		if !busy {
			return
		}
		if time.Now().After(end) {
			s.t.Fatal("the connection does not end")
		}
	}
}

// A peer is the plug-in's end of a connection.
type peer struct {
	t    *testing.T
	raw  net.Conn
	conn *plugin.Conn
}

func (p *peer) send(m *plugin.Message) {
	p.t.Helper()
	if err := p.conn.Send(m); err != nil {
		p.t.Fatal(err)
	}
}

// receive returns the next message, which must be of the type given.
func (p *peer) receive(want string) *plugin.Message {
	p.t.Helper()
	m, err := p.conn.Receive()
	if err != nil || m.Type != want {
		p.t.Fatalf("%+v, %v instead of %s", m, err, want)
	}
	return m
}

func (p *peer) answer(q vtep.Question, a vtep.Answer) {
	p.t.Helper()
	m := plugin.Message{Type: plugin.Answer}
	m.SetQuestion(q)
	m.SetAnswer(&a)
	p.send(&m)
}

// serve runs look as a plug-in at the stand's socket until the test ends.
func (s *stand) serve(look vtep.Resolver) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- plugin.Serve(ctx, s.listen, "served", func([]netip.Addr) (vtep.Resolver, error) { return look, nil })
	}()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
}

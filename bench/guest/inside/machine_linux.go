// Package inside is what a host of a test does when it is told to over a connection: ping, send and receive TCP,
// set its link up. A guest's init program is made of it, and a network namespace can be such a host, too.
package inside

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"sync"
	"time"

	"github.com/culvertdev/culvert/bench/traffic"
)

// Name is the machine's as a service of net/rpc.
const Name = "Machine"

// Ready is what a guest says on its console when it answers calls.
const Ready = "guest: ready"

// A Machine serves one connection after the other. Its exported methods are those of a net/rpc service.
//
// Thread-safety: all methods are safe for concurrent use.
type Machine struct {
	do        func(func() error) error // runs a function where sockets and links are the machine's
	mu        sync.Mutex
	listeners map[uint16]*net.TCPListener
	captures  map[string]int // sockets that keep what comes to a link
}

// New makes a machine. do runs a function on a thread of the network namespace whose sockets and links it uses.
func New(do func(func() error) error) *Machine {
	return &Machine{do: do, listeners: make(map[uint16]*net.TCPListener), captures: make(map[string]int)}
}

// Serve answers calls until the connection ends.
func (m *Machine) Serve(conn io.ReadWriteCloser) error {
	s := rpc.NewServer()
	if err := s.RegisterName(Name, m); err != nil {
		return err
	}
	s.ServeCodec(jsonrpc.NewServerCodec(conn))
	return nil
}

// An Echo says whom to ping and how.
type Echo struct {
	To   netip.Addr
	Ping traffic.Ping
}

// Ping pings. Loss is no error.
func (m *Machine) Ping(e Echo, echoes *traffic.Echoes) (err error) {
	*echoes, err = e.Ping.From(context.Background(), m.do, e.To)
	return err
}

// Listen waits for one TCP connection at an address, and answers with the port.
func (m *Machine) Listen(at netip.Addr, port *uint16) error {
	var l *net.TCPListener
	err := m.do(func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
		return err
	})
	if err != nil {
		return err
	}
	*port = l.Addr().(*net.TCPAddr).AddrPort().Port()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners[*port] = l
	return nil
}

// patience is how long a connection may take to be made.
const patience = 10 * time.Second

// Receive takes the connection at a port and checks what comes until the sender has said all.
func (m *Machine) Receive(port uint16, t *traffic.Transfer) error {
	m.mu.Lock()
	l := m.listeners[port]
	delete(m.listeners, port)
	m.mu.Unlock()
	if l == nil {
		return fmt.Errorf("receive at port %d: nobody listens there", port)
	}
	defer l.Close()
	l.SetDeadline(time.Now().Add(patience))
	c, err := l.AcceptTCP()
	if err != nil {
		return err
	}
	defer c.Close()
	*t, err = traffic.Receive(c)
	return err
}

// A Stream says where to send TCP, and for how long.
type Stream struct {
	To   netip.AddrPort
	Time time.Duration
}

// A Sent is what a sender knows of a stream.
type Sent struct {
	Bytes uint64
	Again uint32 // segments that were sent again
}

// Send sends as fast as it goes.
func (m *Machine) Send(s Stream, sent *Sent) error {
	var c net.Conn
	err := m.do(func() (err error) {
		c, err = net.DialTimeout("tcp", s.To.String(), patience)
		return err
	})
	if err != nil {
		return err
	}
	defer c.Close()
	sent.Bytes, sent.Again, err = traffic.Send(context.Background(), c.(*net.TCPConn), s.Time)
	return err
}

// Read returns a file's content, such as /proc/interrupts.
func (m *Machine) Read(path string, text *string) error {
	return m.do(func() error {
		b, err := os.ReadFile(path)
		*text = string(b)
		return err
	})
}

// A File is a file and its content.
type File struct{ Path, Text string }

// Write replaces a file's content.
func (m *Machine) Write(f File, _ *struct{}) error {
	return m.do(func() error { return os.WriteFile(f.Path, []byte(f.Text), 0o644) })
}

package proto

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultTimeout is how long the other side may take to send the rest of a message it has begun, to take one
// that is sent to it, and to reply.
const DefaultTimeout = 10 * time.Second

// A Conn sends and receives messages over a Unix stream socket. One side of the channel uses Receive, Reply,
// Acknowledge and Refuse, the other Tell and Ask.
//
// Thread-safety: one goroutine receives, or asks, at a time; sending is safe beside that, and Close from anywhere
// ends whatever waits.
type Conn struct {
	sock    *net.UnixConn
	backend bool          // the channel on which the back end asks
	acks    bool          // REPLY_ACK was negotiated
	timeout time.Duration // see DefaultTimeout
	bin     *Bin          // for descriptors that come

	control []byte // of the receiver
	in      []byte // of the receiver

	mu  sync.Mutex // one message at a time is written
	out []byte
}

// NewConn returns a connection over sock, which it owns: the main channel, or the back end's.
func NewConn(sock *net.UnixConn) *Conn { return newConn(sock, false) }

// NewBackendConn returns a connection over the channel on which the back end asks.
func NewBackendConn(sock *net.UnixConn) *Conn { return newConn(sock, true) }

func newConn(sock *net.UnixConn, backend bool) *Conn {
	return &Conn{
		sock: sock, backend: backend, timeout: DefaultTimeout, bin: new(Bin),
		control: make([]byte, controlRoom), in: make([]byte, MaxPayload),
	}
}

// BackendConnOf returns the connection over a descriptor that came with SetBackendReqFD. It owns fd, also when it
// fails, then with the help of bin: when that is no Unix stream socket.
func BackendConnOf(fd int, bin *Bin) (*Conn, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || kind != unix.AF_UNIX { // what else it is may take its time to be closed
		bin.Close(fd)
		return nil, errors.Join(errNoUnixSocket, err)
	}
	f := os.NewFile(uintptr(fd), "backend-req")
	defer f.Close()
	c, err := net.FileConn(f) // duplicates the descriptor
	if err != nil {
		return nil, fmt.Errorf("back end's channel: %w", err)
	}
	sock, ok := c.(*net.UnixConn)
	if !ok || sock.LocalAddr().Network() != "unix" {
		return nil, errors.Join(fmt.Errorf("back end's channel: a %s socket, want a Unix stream socket", c.LocalAddr().Network()), c.Close())
	}
	return newConn(sock, true), nil
}

// errNoUnixSocket is what becomes of other descriptors.
var errNoUnixSocket = errors.New("back end's channel: want a Unix stream socket")

// Pair returns both ends of a new channel on which the back end asks: the front end's, and a descriptor to send with
// SetBackendReqFD and then to close.
func Pair() (c *Conn, fd int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, fmt.Errorf("back end's channel: %w", err)
	}
	if c, err = BackendConnOf(fds[0], new(Bin)); err != nil {
		return nil, -1, errors.Join(err, unix.Close(fds[1]))
	}
	return c, fds[1], nil
}

// SetTimeout replaces DefaultTimeout, from the next message on. For the goroutine that receives, or asks.
func (c *Conn) SetTimeout(d time.Duration) { c.timeout = d }

// SetBin has descriptors that come closed by b. Before the first message.
func (c *Conn) SetBin(b *Bin) { c.bin = b }

// SetAcks says that REPLY_ACK was negotiated: Tell waits for the answer from now on.
func (c *Conn) SetAcks(on bool) { c.acks = on }

// Close closes the socket. Whoever waits gets net.ErrClosed. With the socket go the descriptors in it that nobody has received, which
// may be of any kind: so the last reference to it is the bin's to close.
func (c *Conn) Close() error {
	last := -1
	if raw, err := c.sock.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // an error: it was closed before
			if n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
				last = n
			}
		})
	}
	err := c.sock.Close()
	c.bin.Close(last)
	return err
}

// send writes one message. fds stay the caller's.
func (c *Conn) send(h header, p Payload, fds []int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out[:0], make([]byte, headerSize)...)
	if p != nil {
		c.out = p.append(c.out)
	}
	h.size = uint32(len(c.out) - headerSize)
	h.append(c.out[:0])
	if h.size > MaxPayload || len(fds) > MaxFiles {
		return fmt.Errorf("a message of %d bytes with %d descriptors: %w", h.size, len(fds), ErrTooLong)
	}
	if err := c.sock.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	return writeSock(c.sock, c.out, rights)
}

package traffic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"golang.org/x/sys/unix"
)

// A Transfer is what TCP has carried from one host to another, every byte checked.
type Transfer struct {
	Bytes       uint64
	Time        time.Duration // from the first byte received to the last
	Retransmits uint32        // segments, by the sender's kernel
	Silence     time.Duration // the longest time in which nothing was received, of Time
}

// BitsPerSecond returns the rate of the payload.
func (t Transfer) BitsPerSecond() float64 {
	if t.Time <= 0 {
		return 0
	}
	return float64(t.Bytes) * 8 / t.Time.Seconds()
}

func (t Transfer) String() string {
	return fmt.Sprintf("%.2f Gbit/s, %d MB in %.1f s, %d retransmissions",
		t.BitsPerSecond()/1e9, t.Bytes/1e6, t.Time.Seconds(), t.Retransmits)
}

// stall is how long a stream may stand still before it counts as broken.
const stall = 5 * time.Second

// Bulk sends over one TCP connection as fast as it goes, from one namespace to an address of another,
// for the given time. It is an error when anything that was sent did not arrive as it was.
func Bulk(ctx context.Context, from, to *lab.Namespace, addr netip.Addr, d time.Duration) (Transfer, error) {
	t, err := bulk(ctx, from, to, addr, d)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return t, fmt.Errorf("TCP from %s to %s: %w", from.Name(), to.Name(), err)
	}
	return t, nil
}

func bulk(ctx context.Context, from, to *lab.Namespace, addr netip.Addr, d time.Duration) (Transfer, error) {
	in, out, err := dial(ctx, from, to, addr)
	if err != nil {
		return Transfer{}, err
	}
	defer in.Close()
	defer out.Close()
	stop := context.AfterFunc(ctx, func() {
		in.Close()
		out.Close()
	})
	defer stop()

	var t Transfer
	received := make(chan error, 1)
	go func() {
		var err error
		t, err = Receive(in)
		received <- err
	}()
	sent, again, sendErr := Send(ctx, out, d)
	if err := errors.Join(<-received, sendErr); err != nil {
		return t, err
	}
	if t.Bytes != sent {
		return t, fmt.Errorf("%w: want %d bytes, got %d", ErrDamaged, sent, t.Bytes)
	}
	t.Retransmits = again
	return t, nil
}

// dial returns both ends of a connection.
func dial(ctx context.Context, from, to *lab.Namespace, addr netip.Addr) (in, out *net.TCPConn, err error) {
	var l *net.TCPListener
	err = to.Do(func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	err = from.Do(func() error {
		d := net.Dialer{Timeout: stall}
		c, err := d.DialContext(ctx, "tcp", l.Addr().String())
		if err == nil {
			out = c.(*net.TCPConn)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	l.SetDeadline(time.Now().Add(stall))
	in, err = l.AcceptTCP()
	if err != nil {
		return nil, nil, errors.Join(err, out.Close())
	}
	return in, out, nil
}

// Send is the sending half of Bulk for hosts of other kinds: it sends for d to a Receive at the other end, and waits
// until that has read it all. It returns how many bytes it sent, and how many segments its kernel sent again.
func Send(ctx context.Context, c *net.TCPConn, d time.Duration) (sent uint64, again uint32, err error) {
	sent, err = send(ctx, c, d)
	return sent, retransmits(c), err
}

// Receive is the receiving half: it reads and checks what a Send sends. The connection is reset when that is wrong.
func Receive(c *net.TCPConn) (t Transfer, err error) {
	if err = t.receive(c); err != nil {
		c.SetLinger(0) // a reset ends the sender at once
		c.Close()
	}
	return t, err
}

// send writes the pattern for d, then says how much there was and waits until it is read.
func send(ctx context.Context, c *net.TCPConn, d time.Duration) (sent uint64, err error) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if ctx.Err() != nil {
			return sent, ctx.Err()
		}
		c.SetDeadline(time.Now().Add(stall))
		n, err := c.Write(piece(sent, chunk))
		sent += uint64(n)
		if err != nil {
			return sent, fmt.Errorf("send: %w", err)
		}
	}
	if err := c.CloseWrite(); err != nil {
		return sent, fmt.Errorf("end the stream: %w", err)
	}
	c.SetDeadline(time.Now().Add(stall))
	var total [8]byte
	if _, err := io.ReadFull(c, total[:]); err != nil {
		return sent, fmt.Errorf("wait for the receiver: %w", err)
	}
	if got := binary.BigEndian.Uint64(total[:]); got != sent {
		return sent, fmt.Errorf("want %d bytes at the receiver, got %d", sent, got)
	}
	return sent, nil
}

// receive reads and checks a stream to its end and answers with its length.
func (t *Transfer) receive(c *net.TCPConn) error {
	buf := make([]byte, chunk)
	var start, last time.Time
	for {
		c.SetDeadline(time.Now().Add(stall))
		n, err := c.Read(buf)
		now := time.Now()
		if t.Bytes == 0 {
			start, last = now, now
		}
		t.Silence, last = max(t.Silence, now.Sub(last)), now
		if err := check(buf[:n], t.Bytes); err != nil {
			return err
		}
		t.Bytes += uint64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("receive after %d bytes: %w", t.Bytes, err)
		}
	}
	t.Time = time.Since(start)
	_, err := c.Write(binary.BigEndian.AppendUint64(nil, t.Bytes))
	return err
}

// retransmits asks the kernel; 0 when it does not say.
func retransmits(c *net.TCPConn) (n uint32) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO); err == nil {
			n = info.Total_retrans
		}
	})
	return n
}

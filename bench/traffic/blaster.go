package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"golang.org/x/sys/unix"
)

// burst is the most frames one system call sends.
const burst = 64

// A Blaster sends frames as they are out of a link, past the host's own stack, as many as it can or at
// a rate.
type Blaster struct {
	fd   int
	msgs messages
}

// NewBlaster returns a Blaster for a link of a namespace.
func NewBlaster(from *lab.Namespace, link string) (*Blaster, error) {
	b := &Blaster{fd: -1}
	err := from.Do(func() error {
		dev, err := net.InterfaceByName(link)
		if err != nil {
			return err
		}
		// Protocol 0: the socket receives nothing.
		b.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("packet socket: %w", err)
		}
		return unix.Bind(b.fd, &unix.SockaddrLinklayer{Ifindex: dev.Index})
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("send out of %s in %s: %w", link, from.Name(), err), b.Close())
	}
	return b, nil
}

// Bypass makes the frames go around the link's queueing discipline.
func (b *Blaster) Bypass() error {
	return unix.SetsockoptInt(b.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
}

// patience is how long Once waits for room on a link, in all.
const patience = 20 * time.Second

// Once sends each frame once. Where a link has no room it waits: whoever takes the frames may be busy.
func (b *Blaster) Once(frames [][]byte) error {
	b.msgs.load(frames)
	end := time.Now().Add(patience)
	for n := 0; n < len(frames); {
		took, err := b.msgs.send(b.fd, n, min(burst, len(frames)-n))
		switch {
		case errors.Is(err, unix.ENOBUFS) && time.Now().Before(end):
			time.Sleep(time.Millisecond)
		case err != nil:
			return fmt.Errorf("send frame %d: %w", n, err)
		}
		n += took
	}
	return nil
}

// Run sends the frames over and over until ctx ends, and returns how many the kernel took. rate is in
// packets a second; 0 sends as fast as it goes. A link that is down or gone for a while loses frames,
// which is no error: they are not counted.
func (b *Blaster) Run(ctx context.Context, frames [][]byte, rate int) (sent uint64) {
	b.msgs.load(frames)
	start := time.Now()
	for n := 0; ctx.Err() == nil; {
		want := burst
		if rate > 0 {
			due := uint64(time.Since(start).Seconds() * float64(rate))
			if due <= sent {
				time.Sleep(time.Millisecond)
				continue
			}
			want = int(min(due-sent, burst))
		}
		took, err := b.msgs.send(b.fd, n, want)
		sent += uint64(took)
		n = (n + took) % len(frames)
		if err != nil {
			// ENETDOWN, ENXIO, ENOBUFS: whatever is wrong, more of the same at once does not help.
			start = start.Add(time.Millisecond)
			time.Sleep(time.Millisecond)
		}
	}
	return sent
}

// Close closes the socket.
func (b *Blaster) Close() error {
	if b.fd < 0 {
		return nil
	}
	fd := b.fd
	b.fd = -1
	return unix.Close(fd)
}

// Package flood is a guest whose network device is two rings and nothing else, for benches that want to know what a switch can do
// rather than what a guest can: entries of its rings never change ([driver.Carousel]), packets are written where they leave from, and what
// arrives is looked at where it lies. There is no pool, no queue of frames, no event index and no offload.
//
// It does all that a guest has to: each packet is written anew, a word of each packet that arrives is read, so that the lines of
// packets travel between CPUs as they do when a guest makes and uses them.
//
// Thread-safety: one goroutine at a time, but for what says otherwise.
package flood

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/doorbell"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// RingSize is how many entries a guest's rings have.
const RingSize = 1024

// Rings of a guest, by their index.
const (
	receives = iota
	sends
	rings
)

// A Guest listens at a socket for a switch, and has one session with it after the other.
type Guest struct {
	packed   bool
	memory   *memory
	listener *net.UnixListener
	kicks    [rings]int // eventfds
	calls    [rings]int // likewise; nobody waits for them
	bells    [rings]doorbell.Bell

	cancel context.CancelFunc
	ended  chan struct{}
	up     atomic.Bool

	mu    sync.Mutex // the session takes it to make rings, whoever uses them for as long as he does
	rings [rings]*driver.Carousel
	last  error // what ended the last session
}

// Listen makes a guest with rings of either layout, where a switch may connect from now on.
func Listen(socket string, packed bool) (*Guest, error) {
	g := &Guest{packed: packed, ended: make(chan struct{}), kicks: [rings]int{-1, -1}, calls: [rings]int{-1, -1}}
	if err := g.open(socket); err != nil {
		return nil, fmt.Errorf("guest at %s: %w", socket, errors.Join(err, g.release()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	go g.serve(ctx)
	return g, nil
}

func (g *Guest) open(socket string) (err error) {
	if g.memory, err = newMemory(); err != nil {
		return err
	}
	for i := range rings {
		for _, fd := range []*int{&g.kicks[i], &g.calls[i]} {
			if *fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
				*fd = -1
				return os.NewSyscallError("eventfd", err)
			}
		}
		_ = g.bells[i].Open() // it writes if that fails
	}
	g.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	return err
}

// Up reports whether a switch is connected. It is safe for concurrent use.
func (g *Guest) Up() bool { return g.up.Load() }

// serve has one session after the other until ctx ends.
func (g *Guest) serve(ctx context.Context) {
	defer close(g.ended)
	defer context.AfterFunc(ctx, func() { g.listener.Close() })()
	for ctx.Err() == nil {
		sock, err := g.listener.AcceptUnix()
		if err != nil {
			return
		}
		err = g.session(ctx, proto.NewConn(sock))
		g.mu.Lock()
		g.last = err
		g.mu.Unlock()
	}
}

// Close ends the guest.
func (g *Guest) Close() error {
	g.cancel()
	<-g.ended
	return g.release()
}

func (g *Guest) release() error {
	var errs []error
	if g.listener != nil {
		if err := g.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for i := range rings {
		g.bells[i].Close()
		for _, fd := range []int{g.kicks[i], g.calls[i]} {
			if fd >= 0 {
				errs = append(errs, os.NewSyscallError("close", unix.Close(fd)))
			}
		}
	}
	if g.memory != nil {
		errs = append(errs, g.memory.close())
	}
	return errors.Join(errs...)
}

// header is what comes before a packet, in bytes: all zeros, since nothing is left to the switch.
const header = nethdr.Size

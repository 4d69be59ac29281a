// Package memport is a port whose other end is in the same process: Go code (tests, benchmarks, whoever
// uses Culvert as a library) or another memory port of the same switch.
//
//	     Port                        Peer, or a second Port
//	TxQueue 0 ──── ring of frames ───▶ receives
//	RxQueue 0 ◀─── ring of frames ──── sends
//	TxQueue 1 ───▶ …                   one pair of rings per queue
//
// A frame crosses by value: its eight bytes go through a ring, the packet stays where it is in the
// arena, which both ends share. So the other end is trusted as the switch itself is; it is not a way
// to connect a tenant. A queue has no goroutine and reads no clock: what a test does with it from one
// goroutine happens the same way each time.
//
// Thread-safety: each direction of each queue has one sending and one receiving goroutine. Opening,
// connecting and closing are safe for concurrent use, and either end may come and go while the other
// runs; of an end that is being closed nobody may use the queues.
//
// Memory: frames in a ring belong to the link. Whatever is left there goes back to the arena when the
// receiving end closes, or the last of the two.
package memport

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// DriverName is what Info calls this driver.
const DriverName = "memory"

// Bounds of the options.
const (
	MaxQueues   = 64
	MinRingSize = 2
	MaxRingSize = 1 << 16
	MaxMTU      = 65535 // bytes: the longest IPv4 packet
	minMTU      = 68    // bytes: RFC 791, section 3.2
)

// tagRoom is what a frame may have beyond the MTU: Ethernet header and two VLAN tags.
const tagRoom = 14 + 2*4 // bytes

// Reasons why nothing can be connected to a port.
var (
	ErrClosed = errors.New("the port is closed")
	ErrTaken  = errors.New("its other end is taken")
)

// Options configure a port. The zero value of each field but Pool picks the default named beside it.
type Options struct {
	Pool     *frame.Pool      // whose frames cross; required
	Log      *slog.Logger     // default: discard
	Queues   int              // receive queues, and as many transmit queues; default 1
	RingSize int              // frames per queue and direction, a power of two; default 2048
	MTU      int              // bytes; default 1500
	MAC      net.HardwareAddr // default: none
}

// Open opens a port with Go code at the other end: see [Port.Peer].
func Open(name string, o Options) (*Port, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open memory port %s: %w", name, err)
	}
	p, err := openAlone(name, o)
	if err != nil {
		return nil, fmt.Errorf("open memory port %s: %w", name, err)
	}
	if _, err := p.Attach(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// openAlone opens a port on a link of its own, with nothing at the other end.
func openAlone(name string, o Options) (*Port, error) {
	l, err := newLink(o)
	if err != nil {
		return nil, err
	}
	p, err := l.open(name, 0, o)
	if err != nil {
		return nil, destroyAfter(err, l)
	}
	return p, nil
}

// destroyAfter closes a link that no end was opened on, because of err, which it returns.
func destroyAfter(err error, l *link) error { return errors.Join(err, l.destroy()) }

func (o Options) withDefaults() (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Queues == 0 {
		o.Queues = 1
	}
	if o.RingSize == 0 {
		o.RingSize = 2048 // rides out a scheduler pause of 100 us at 20 Mpps
	}
	if o.MTU == 0 {
		o.MTU = 1500
	}
	switch {
	case o.Pool == nil:
		return o, errors.New("no frame pool")
	case o.Queues < 1 || o.Queues > MaxQueues:
		return o, fmt.Errorf("%d queues: want 1 to %d", o.Queues, MaxQueues)
	case o.RingSize < MinRingSize || o.RingSize > MaxRingSize || o.RingSize&(o.RingSize-1) != 0:
		return o, fmt.Errorf("ring size %d: want a power of two from %d to %d", o.RingSize, MinRingSize, MaxRingSize)
	case o.MTU < minMTU || o.MTU > MaxMTU:
		return o, fmt.Errorf("MTU %d bytes: want %d to %d", o.MTU, minMTU, MaxMTU)
	}
	return o, nil
}

var _ pmd.Port = (*Port)(nil)

// Package tap is a port on a TAP device: what the host's network stack sends to the device the switch
// receives, and the other way round. A bridge's local port is one, so that the host can have an
// address on the bridge.
//
// Cost: one system call per packet in each direction, made by the worker: TAP has no batched read. On
// the machine this was measured on (nested virtual machine, 64-byte packets) that is about 0.8 µs to
// receive and 1.3 µs to send, the host's stack included; see BenchmarkTap. It is a port for the host,
// not for guests.
//
// Offloads: none. The device is opened without a virtio-net header and with TUNSETOFFLOAD 0, so the
// kernel completes checksums and cuts segments before a packet is read. The header would save the
// host's stack that work for TCP, and cost every packet that is forwarded elsewhere the same work in
// the switch: the default serves the port that mostly leads to other ports.
//
// Thread-safety: as [pmd.Port] says. Memory: receive queues hold a few empty buffers ready; sent
// frames are copied by the kernel and freed at once.
//
// Sources: linux Documentation/networking/tuntap.rst, drivers/net/tun.c.
package tap

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/culvertdev/culvert/ring/frame"
)

// DriverName is what Info calls this driver.
const DriverName = "tap"

// Bounds of the options.
const (
	MaxQueues = 256 // linux drivers/net/tun.c: MAX_TAP_QUEUES
	MinMTU    = 68  // bytes: RFC 791, section 3.2
	MaxMTU    = 65521
)

// Sizes of packets.
const (
	ethernet = 14             // bytes; the kernel refuses shorter packets
	tagRoom  = ethernet + 2*4 // bytes a frame may have beyond the MTU: header and two VLAN tags
)

// maxReads bounds the system calls of one Recv, so that a busy tap does not hold up the worker's other
// queues for long.
const maxReads = 32

// Options configure a port. The zero value of each field but Pool picks the default named beside it.
type Options struct {
	Pool      *frame.Pool      // where received frames come from; required
	Log       *slog.Logger     // default: discard
	Device    string           // the device's name, created if there is none; default: the port's name
	Queues    int              // receive queues, and as many transmit queues; default 1
	MTU       int              // bytes; default: the device's, 1500 for a new one
	MAC       net.HardwareAddr // of the host's side; default: the device's, random for a new one
	Addresses []netip.Prefix   // of the host's side, added; default none
	Down      bool             // leave the device as it is instead of bringing it up
	Persist   bool             // the device stays when the port is closed
}

// Open attaches to the device, after creating it if need be, and sets it up. The calling thread's
// network namespace is where the device is. It needs CAP_NET_ADMIN, or a persistent device that the
// user owns.
func Open(name string, o Options) (*Port, error) {
	if o.Device == "" {
		o.Device = name
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open tap port %s: %w", name, err)
	}
	p, err := open(name, o)
	if err != nil {
		return nil, fmt.Errorf("open tap port %s: %w", name, err)
	}
	return p, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Queues == 0 {
		o.Queues = 1
	}
	switch {
	case o.Pool == nil:
		return o, errors.New("no frame pool")
	case o.Queues < 1 || o.Queues > MaxQueues:
		return o, fmt.Errorf("%d queues: want 1 to %d", o.Queues, MaxQueues)
	case o.MTU != 0 && (o.MTU < MinMTU || o.MTU > MaxMTU):
		return o, fmt.Errorf("MTU %d bytes: want %d to %d", o.MTU, MinMTU, MaxMTU)
	case len(o.Device) > 15: // IFNAMSIZ includes a zero
		return o, fmt.Errorf("device name %q has %d bytes: want at most 15", o.Device, len(o.Device))
	}
	return o, nil
}

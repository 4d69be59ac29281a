// Package afpacket is a port on an existing network device by packet sockets, for where XDP is not to
// be had: devices without a driver for it, containers that may not load programs.
//
// What it is not: fast, and alone on the device. On the machine this was measured on (nested virtual
// machine, veth, 64-byte packets) a packet costs the worker about 0.7 µs to receive and 1.5 µs to send,
// what the other side's stack does meanwhile included; see BenchmarkAFPacket. The host's stack gets a
// copy of every packet, too; it answers if the device has addresses, so take them off. What the host
// itself sends out of the device does not come in.
//
// Receiving is recvmmsg, sending is sendmmsg: a system call per batch and one copy, between the kernel
// and the arena. The memory-mapped rings were left out on purpose: TPACKET_V3 holds packets back until
// a block is full or a timer of at least a millisecond has run out, and V2 has slots of one size, which
// must be 64 KiB where a veth peer leaves segmentation to hardware; both cost a second copy.
//
// What the kernel knows about a packet and the bytes do not say comes along: the checksum and
// segmentation that the sender left to hardware, by virtio-net header (PACKET_VNET_HDR), become
// [frame.Offload], and go to the kernel the same way; a VLAN tag that the kernel took out is put back (PACKET_AUXDATA).
//
// Thread-safety: as [pmd.Port] says. Memory: a receive queue holds a batch of empty buffers ready and,
// outside the arena, room for the rest of long packets; sent frames are copied by the kernel and freed
// at once.
//
// Sources: packet(7), linux net/packet/af_packet.c, Documentation/networking/packet_mmap.rst.
package afpacket

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/culvertdev/culvert/ring/frame"
)

// DriverName is what Info calls this driver.
const DriverName = "afpacket"

// Bounds of the options.
const (
	MaxQueues  = 64
	MinBacklog = 1 << 16 // bytes
	MaxBacklog = 1 << 30
)

// Sizes of packets.
const (
	ethernet = 14              // bytes
	addrs    = 12              // bytes: both Ethernet addresses, behind which a tag goes
	vlanTag  = 4               // bytes
	tagRoom  = ethernet + 2*4  // bytes a frame may have beyond the MTU: header and two VLAN tags
	spill    = 1<<16 + tagRoom // bytes of a packet beyond its first buffer
)

// Options configure a port. The zero value of each field but Pool picks the default named beside it.
type Options struct {
	Pool    *frame.Pool  // where received frames come from; required
	Log     *slog.Logger // default: discard
	Device  string       // default: the port's name
	Queues  int          // sockets, between which the kernel divides flows; default 1
	Backlog int          // bytes of packets the kernel keeps for each queue; default 8 MiB
	// Selective leaves promiscuous mode off: only packets to the device's own address come in. Default
	// off, because a switch needs the others.
	Selective bool
}

// Open opens a port on a device in the calling thread's network namespace. It needs CAP_NET_RAW and,
// for promiscuous mode, CAP_NET_ADMIN.
func Open(name string, o Options) (*Port, error) {
	if o.Device == "" {
		o.Device = name
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open afpacket port %s: %w", name, err)
	}
	p, err := open(name, o)
	if err != nil {
		return nil, fmt.Errorf("open afpacket port %s: %w", name, err)
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
	if o.Backlog == 0 {
		o.Backlog = 8 << 20
	}
	switch {
	case o.Pool == nil:
		return o, errors.New("no frame pool")
	case o.Queues < 1 || o.Queues > MaxQueues:
		return o, fmt.Errorf("%d queues: want 1 to %d", o.Queues, MaxQueues)
	case o.Backlog < MinBacklog || o.Backlog > MaxBacklog:
		return o, fmt.Errorf("backlog of %d bytes: want %d to %d", o.Backlog, MinBacklog, MaxBacklog)
	}
	return o, nil
}

package frontend

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/culvertdev/culvert/pmd/option"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
)

// Bounds of the options.
const (
	MaxQueues   = 64
	MinRingSize = 64
	MaxRingSize = 1 << 15
	MinMTU      = 68    // bytes: RFC 791, section 3.2
	MaxMTU      = 65521 // bytes: with Ethernet header and tags still a packet
	maxPath     = 107   // bytes: what the name of a Unix socket has room for (unix(7))
)

const (
	ethernet = 14             // bytes
	tagRoom  = ethernet + 2*4 // bytes a frame may have beyond the MTU: header and two VLAN tags
)

// Options configure a port. The zero value of each field but Pool and Path picks the default named beside it.
type Options struct {
	Pool     *frame.Pool      // the guest's memory; required
	Log      *slog.Logger     // default: discard
	Path     string           // of the Unix socket; required
	Client   bool             // connect to a back end that listens; default: listen, as a guest does
	Queues   int              // queue pairs; default 1
	RingSize int              // entries per ring, a power of two; default 1024
	MTU      int              // bytes; default 1500
	MAC      net.HardwareAddr // what the port calls its own; default none

	Split        bool // no packed rings, even if the back end has them
	NoInOrder    bool // buffers may come back in any order
	NoMergeable  bool // each received packet fits one buffer
	NoIndirect   bool // each buffer of a packet takes an entry of the ring
	NoEventIndex bool // notifications are asked for by flags
	NoInflight   bool // the back end need not remember what it has taken
	Offload      bool // packets may leave checksums and segmentation to the other side, in both directions
}

func (o Options) withDefaults() (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		v   *int
		def int
	}{{&o.Queues, 1}, {&o.RingSize, 1024}, {&o.MTU, 1500}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	switch {
	case o.Pool == nil:
		return o, errors.New("no pool of frames")
	case o.Path == "" || len(o.Path) > maxPath:
		return o, fmt.Errorf("path %q of a socket, want 1 to %d bytes", o.Path, maxPath)
	case o.Queues < 1 || o.Queues > MaxQueues:
		return o, fmt.Errorf("%d queue pairs, want 1 to %d", o.Queues, MaxQueues)
	case o.RingSize < MinRingSize || o.RingSize > MaxRingSize || o.RingSize&(o.RingSize-1) != 0:
		return o, fmt.Errorf("rings of %d entries, want a power of two from %d to %d", o.RingSize, MinRingSize, MaxRingSize)
	case o.MTU < MinMTU || o.MTU > MaxMTU:
		return o, fmt.Errorf("an MTU of %d bytes, want %d to %d", o.MTU, MinMTU, MaxMTU)
	case o.NoMergeable && o.MTU+tagRoom > o.Pool.Room():
		return o, fmt.Errorf("an MTU of %d bytes without mergeable buffers, want at most %d", o.MTU, o.Pool.Room()-tagRoom)
	}
	return o, nil
}

// guestUSO are the bits of a guest that takes UDP datagrams as one packet.
const guestUSO = proto.GuestUSO4 | proto.GuestUSO6

// wanted returns the features that the port negotiates if the back end has them.
func (o Options) wanted() proto.Features {
	f := proto.Version1 | proto.ProtocolBit | proto.NetMTU | proto.NetStatus | proto.MQ | proto.MrgRxbuf |
		proto.RingPacked | proto.InOrder | proto.EventIdx | proto.IndirectDesc | proto.LogAll
	if o.Offload {
		f |= proto.Csum | proto.HostTSO4 | proto.HostTSO6 | proto.HostECN |
			proto.GuestCsum | proto.GuestTSO4 | proto.GuestTSO6 | proto.GuestECN | proto.HostUSO | guestUSO
	}
	for _, w := range []struct {
		not bool
		f   proto.Features
	}{
		{o.Split, proto.RingPacked}, {o.NoInOrder, proto.InOrder},
		{o.NoMergeable, proto.MrgRxbuf}, {o.NoEventIndex, proto.EventIdx}, {o.NoIndirect, proto.IndirectDesc},
	} {
		if w.not {
			f &^= w.f
		}
	}
	return f
}

// wantedProtocol returns the protocol features that the port negotiates if the back end has them.
func (o Options) wantedProtocol() proto.ProtocolFeatures {
	f := proto.PMQ | proto.PReplyAck | proto.PMTU | proto.PBackendReq | proto.PConfig | proto.PLogShmFD |
		proto.PConfigureMemSlots | proto.PStatus | proto.PRARP
	if !o.NoInflight {
		f |= proto.PInflightShmFD
	}
	return f
}

// CheckOptions reports everything that is wrong with the options of a port, without opening anything.
func CheckOptions(options map[string]string) error {
	_, err := parse(options)
	return err
}

// parse reads a port's options.
func parse(options map[string]string) (Options, error) {
	s := option.Of(options)
	o := Options{
		Path:         s.String("path", ""),
		Client:       s.Choice("mode", "server", "client") == "client",
		Queues:       s.Int("queues", 1, 1, MaxQueues),
		RingSize:     s.Int("ring-size", 1024, MinRingSize, MaxRingSize),
		MTU:          s.Int("mtu", 1500, MinMTU, MaxMTU),
		MAC:          s.MAC("mac"),
		Split:        !s.Bool("packed", true),
		NoInOrder:    !s.Bool("in-order", true),
		NoMergeable:  !s.Bool("mergeable", true),
		NoIndirect:   !s.Bool("indirect", true),
		NoEventIndex: !s.Bool("event-index", true),
		NoInflight:   !s.Bool("inflight", true),
		Offload:      s.Bool("offload", true),
	}
	if o.Path == "" || len(o.Path) > maxPath {
		s.Fail("path", fmt.Sprintf("the path of a Unix socket, of 1 to %d bytes", maxPath))
	}
	if o.RingSize&(o.RingSize-1) != 0 {
		s.Fail("ring-size", "a power of two")
	}
	return o, s.Err()
}

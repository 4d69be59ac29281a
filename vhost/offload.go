package vhost

import (
	"encoding/binary"
	"errors"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
)

// ErrHeader ends a session: no driver that works sends such a header, see [nethdr.Parse].
var ErrHeader = errors.New("a packet's virtio-net header is cut short, or cannot be true")

// plain reports whether a header says that its packet is complete: its flags and gso_type are 0. They are read
// once, together.
func plain(h []byte) bool { return binary.LittleEndian.Uint16(h) == 0 }

// offloadOf reads the header of a packet of total bytes, of which pkt is what the first buffer holds. takes is
// what was negotiated. fits is false when the header asks for something else, or does not agree with the packet:
// a checksum in front of all headers or behind the first buffer, a segment that is not TCP or UDP as it says. It costs
// that packet. need is false when the packet is complete as it is.
func offloadOf(h *[nethdr.Size]byte, takes pmd.Take, pkt []byte, total int) (o frame.Offload, need, fits bool, err error) {
	o, need, ok := nethdr.Parse(h, total)
	switch {
	case !ok:
		return o, false, false, ErrHeader
	case !need:
		return o, false, true, nil
	case pmd.Needs(&o)&^takes != 0:
		return o, true, false, nil
	case int(o.CsumStart) < wire.EthernetSize || int(o.CsumStart)+int(o.CsumOffset)+2 > len(pkt):
		return o, true, false, nil
	case o.GSO == frame.GSONone:
		return o, true, true, nil
	}
	var cut wire.Cut
	if o.GSO == frame.GSOUDPL4 {
		cut, ok = wire.CutUDP(pkt, total)
	} else {
		cut, ok = wire.CutTCP(pkt, total)
		ok = ok && cut.IPv6() == (o.GSO&^frame.GSOECN == frame.GSOTCPv6)
	}
	o.HeaderLen = uint16(cut.Headers) // the guest's is a hint
	return o, true, ok && cut.ChecksumAt(int(o.CsumStart), int(o.CsumOffset)), nil
}

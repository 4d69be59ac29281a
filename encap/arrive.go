package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// leastOuter is the least a frame has that may have come by a tunnel.
const leastOuter = wire.EthernetSize + wire.IPv4Size + wire.UDPSize // bytes

// arrive reads the outer headers of all frames up to the tunnel's key and returns a bit for each frame that may have
// come by a tunnel and is not out of it yet. Of IPv6, extension headers may stand in front of UDP, GRE or a fragment header:
// Linux's GRE over IPv6 has one unless told otherwise.
func (x *Popper) arrive() (set uint64) {
	x.bad, x.marked = 0, 0
	left := x.meet()
	if left == 0 {
		return 0
	}
	set, others := x.plain(left)
	for ; others != 0; others &= others - 1 {
		i := bits.TrailingZeros64(others)
		if !x.read(i) {
			continue
		}
		set |= 1 << i
		a := &x.arrivals[i]
		x.marked |= uint64(a.tos&ect1) << i
		if a.bad != Good {
			x.bad |= 1 << i
		}
	}
	return set
}

// read reads the outer headers of frame i, whatever they are.
func (x *Popper) read(i int) bool {
	pkt := x.pool.Bytes(x.frames[i])
	if len(pkt) < leastOuter {
		return false
	}
	a := &x.arrivals[i]
	typ := binary.BigEndian.Uint16(pkt[wire.EthType:])
	l3 := wire.EthernetSize
	a.where, a.mac = 0, macOf(pkt)
	if typ == wire.TypeVLAN {
		a.where = uint64(binary.BigEndian.Uint16(pkt[l3:])&0xfff) << whereVLAN
		l3 += wire.VLANTagSize
		typ = binary.BigEndian.Uint16(pkt[l3-2:])
	}
	switch typ {
	case wire.TypeIPv4:
		return x.ipv4(i, pkt, l3)
	case wire.TypeIPv6:
		return x.ipv6(i, pkt, l3)
	}
	return false
}

// ipv4 reads the IPv4 header at l3 and what is behind it.
func (x *Popper) ipv4(i int, pkt []byte, l3 int) bool {
	if len(pkt) < l3+wire.IPv4Size {
		return false
	}
	h := (*[wire.IPv4Size]byte)(pkt[l3:])
	proto := h[wire.IPv4Protocol]
	size := int(h[0]&0x0f) * 4
	if h[0]>>4 != 4 || size < wire.IPv4Size || proto != wire.ProtoUDP && proto != wire.ProtoGRE {
		return false
	}
	a := &x.arrivals[i]
	a.l3, a.l4 = uint16(l3), uint16(l3+size)
	a.size = uint32(l3) + uint32(binary.BigEndian.Uint16(h[wire.IPv4Length:]))
	a.src = [2]uint64{0, uint64(binary.BigEndian.Uint32(h[wire.IPv4Src:]))}
	a.dst = [2]uint64{0, uint64(binary.BigEndian.Uint32(h[wire.IPv4Dst:]))}
	a.tos = h[wire.IPv4TOS]
	if binary.BigEndian.Uint16(h[wire.IPv4Fragment:])&(wire.IPv4MoreFragments|wire.IPv4FragOffset) != 0 {
		x.fragment(i, proto)
		return false
	}
	return x.transport(i, pkt, proto)
}

// ipv6 is the same for IPv6.
func (x *Popper) ipv6(i int, pkt []byte, l3 int) bool {
	if len(pkt) < l3+wire.IPv6Size+wire.UDPSize {
		return false
	}
	h := (*[wire.IPv6Size]byte)(pkt[l3:])
	proto, l4, bad := h[wire.IPv6Next], l3+wire.IPv6Size, Good
	if proto != wire.ProtoUDP && proto != wire.ProtoGRE {
		e := extensions(pkt, l3)
		proto, l4, bad = e.proto, e.end, e.why
	}
	if h[0]>>4 != 6 || proto != wire.ProtoUDP && proto != wire.ProtoGRE && proto != wire.ProtoFragment {
		return false
	}
	a := &x.arrivals[i]
	a.where |= whereV6
	a.l3, a.l4 = uint16(l3), uint16(l4)
	a.size = uint32(l3) + wire.IPv6Size + uint32(binary.BigEndian.Uint16(h[wire.IPv6Length:]))
	a.src = [2]uint64{binary.BigEndian.Uint64(h[wire.IPv6Src:]), binary.BigEndian.Uint64(h[wire.IPv6Src+8:])}
	a.dst = [2]uint64{binary.BigEndian.Uint64(h[wire.IPv6Dst:]), binary.BigEndian.Uint64(h[wire.IPv6Dst+8:])}
	a.tos = uint8(binary.BigEndian.Uint16(h[:]) >> 4)
	if proto == wire.ProtoFragment {
		x.fragment(i, pkt[l4])
		return false
	}
	ours := x.transport(i, pkt, proto)
	if bad != Good {
		a.bad = bad
	}
	return ours
}

// fragment notes that frame i is a fragment of a packet of an IP protocol, if a tunnel here may have use for it.
// Destination options may stand behind a fragment header as well (RFC 8200 section 4.1), and what is behind these shows
// in the first fragment only.
func (x *Popper) fragment(i int, proto uint8) {
	a := &x.arrivals[i]
	options := proto == wire.ProtoDstOpts
	ours := (options || proto == wire.ProtoUDP) && x.tunnels.fragments(&a.end)
	if options || proto == wire.ProtoGRE {
		a.where |= whereGRE
		ours = ours || x.tunnels.fragments(&a.end)
	}
	if ours {
		x.Fragments |= 1 << i
	}
}

// transport reads the UDP or GRE header and the key.
func (x *Popper) transport(i int, pkt []byte, proto uint8) bool {
	a := &x.arrivals[i]
	a.bits, a.gbp, a.options, a.bad = 0, GBP{}, 0, Good
	if proto == wire.ProtoGRE {
		return x.gre(i, pkt)
	}
	h := pkt[min(int(a.l4), len(pkt)):]
	if len(h) < wire.UDPSize {
		return false
	}
	port := binary.BigEndian.Uint16(h[wire.DstPort:])
	typ := x.tunnels.typeOf(port)
	if typ == NoType {
		return false
	}
	a.where |= uint64(port) << wherePort
	size := uint32(a.l4) + uint32(binary.BigEndian.Uint16(h[wire.UDPLength:]))
	if len(h) < wire.UDPSize+8 || size > a.size || int(a.size) > x.pool.Total(x.frames[i]) {
		a.bad = BadLength
		return true
	}
	a.size = size
	a.where |= uint64(binary.BigEndian.Uint32(h[wire.UDPSize+4:]) >> kinds[typ].shift)
	return true
}

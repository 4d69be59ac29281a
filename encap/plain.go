package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// plainOuter is what a plain packet has behind its Ethernet header: IPv4, UDP and the first two words of a tunnel's.
// plainOuter6 is the same over IPv6.
const (
	plainOuter  = wire.IPv4Size + wire.UDPSize + familiarSize // bytes
	plainOuter6 = wire.IPv6Size + wire.UDPSize + familiarSize // bytes
)

// Parts of the first word of an IPv4 header, in the order in which bytes stand in memory.
const (
	plainVersion  = 4<<4 | wire.IPv4Size/4
	plainFragment = uint64((wire.IPv4MoreFragments|wire.IPv4FragOffset)>>8|(wire.IPv4MoreFragments|wire.IPv4FragOffset)&0xff<<8) << 48
)

// plain reads the outer headers of plain packets, which most are: IPv4 without options behind a VLAN tag or none, not a
// fragment, with a right checksum, a UDP header that has the port of a tunnel, and a length that the frame has. Those with a
// known header are out of their tunnels then. It returns a bit for each other that may have come by a tunnel, and one for
// each frame that is to be looked at closely. Other UDP packets are in neither.
//
// The branches go the same way for all packets of most batches, so that the work on many of them is under way together.
func (x *Popper) plain() (set, others uint64) {
	last, typ := uint16(0), NoType // of the port before, since most packets have the same
	var marked, sound uint64
	for i, f := range x.frames {
		pkt := x.pool.Bytes(f)
		if len(pkt) < wire.EthernetSize+wire.VLANTagSize+plainOuter {
			others |= 1 << i
			continue
		}
		l3 := wire.EthernetSize
		where := uint64(0)
		ether := binary.BigEndian.Uint16(pkt[wire.EthType:])
		if ether == wire.TypeVLAN {
			tag := binary.BigEndian.Uint32(pkt[l3:])
			where = uint64(tag>>16&0xfff) << whereVLAN
			ether = uint16(tag)
			l3 += wire.VLANTagSize
		}
		if ether != wire.TypeIPv4 {
			if ether != wire.TypeIPv6 || !x.familiar6(i, pkt, l3, where) {
				others |= 1 << i
			}
			continue
		}
		h := (*[plainOuter]byte)(pkt[l3:])
		w0 := binary.LittleEndian.Uint64(h[:])
		w1 := binary.LittleEndian.Uint64(h[8:])
		w2 := binary.LittleEndian.Uint64(h[16:]) // ports behind the destination
		if byte(w0) != plainVersion || w0&plainFragment != 0 || byte(w1>>8) != wire.ProtoUDP || !sums(w0, w1, w2&0xffffffff) {
			others |= 1 << i
			continue
		}
		port := bits.ReverseBytes16(uint16(w2 >> 48))
		where |= uint64(port) << wherePort
		end := l3 + int(bits.ReverseBytes16(uint16(w0>>16)))
		udp := binary.LittleEndian.Uint32(h[wire.IPv4Size+wire.UDPLength:]) // and the checksum
		size := l3 + wire.IPv4Size + int(bits.ReverseBytes16(uint16(udp)))
		head := binary.LittleEndian.Uint64(h[wire.IPv4Size+wire.UDPSize:])
		bare := udp>>16 == 0 && f.Flags() == 0 // nothing to verify, nothing that hardware was to do
		if addr := w1>>32 | w2<<32; bare && size == end && end == len(pkt) && f.More() == 0 {
			k := &x.familiar[familiarAt(addr, head)]
			place := where | w0>>8&0xff
			if (k.addrs[0]^addr)|(k.head^head)|(k.place^place)|(k.of^x.tunnels.id) == 0 && x.off(i, l3+plainOuter, k) {
				continue
			}
		}
		if port != last {
			last, typ = port, x.tunnels.typeOf(port)
		}
		if typ == NoType {
			continue
		}
		if size > end || end > x.pool.Total(f) || size < l3+plainOuter {
			others |= 1 << i
			continue
		}
		set |= 1 << i
		if bare {
			sound |= 1 << i
		}
		marked |= w0 >> 8 & ect1 << i
		// Field by field: a whole value would be made elsewhere and read back before it is there.
		a := &x.arrivals[i]
		a.src = [2]uint64{1: uint64(bits.ReverseBytes32(uint32(w1 >> 32)))}
		a.dst = [2]uint64{1: uint64(bits.ReverseBytes32(uint32(w2)))}
		a.where = where | uint64(uint32(bits.ReverseBytes64(head))>>kinds[typ].shift)
		a.size, a.l3, a.l4 = uint32(size), uint16(l3), uint16(l3+wire.IPv4Size)
		a.bits, a.gbp, a.tos, a.options, a.bad = 0, GBP{}, uint8(w0>>8), 0, Good
	}
	x.marked, x.sound = marked, sound
	return set, others
}

// familiar6 takes frame i, a packet with an IPv6 header at l3, out of its tunnel if that is all there is to do: the header is
// a familiar one. It reports false, and has done nothing, if not.
func (x *Popper) familiar6(i int, pkt []byte, l3 int, where uint64) bool {
	if len(pkt) < l3+plainOuter6+wire.EthernetSize {
		return false
	}
	h := (*[plainOuter6]byte)(pkt[l3:])
	w0 := binary.BigEndian.Uint64(h[:]) // version, traffic class, flow label; length, next header, hop limit
	udp := binary.BigEndian.Uint64(h[wire.IPv6Size:])
	length := uint16(w0 >> 16)
	if byte(w0>>8) != wire.ProtoUDP || w0>>60 != 6 || uint32(udp) != uint32(length)<<16 || len(pkt) != l3+wire.IPv6Size+int(length) ||
		x.frames[i].Flags() != 0 || x.frames[i].More() != 0 {
		return false
	}
	src0, src1 := binary.LittleEndian.Uint64(h[wire.IPv6Src:]), binary.LittleEndian.Uint64(h[wire.IPv6Src+8:])
	dst0, dst1 := binary.LittleEndian.Uint64(h[wire.IPv6Dst:]), binary.LittleEndian.Uint64(h[wire.IPv6Dst+8:])
	head := binary.LittleEndian.Uint64(h[wire.IPv6Size+wire.UDPSize:])
	place := where | whereV6 | udp>>32&0xffff<<wherePort | w0>>52&0xff
	k := &x.familiar[familiarAt(src1, head)]
	d := (k.addrs[0] ^ src0) | (k.addrs[1] ^ src1) | (k.addrs[2] ^ dst0) | (k.addrs[3] ^ dst1)
	return d|(k.head^head)|(k.place^place)|(k.of^x.tunnels.id) == 0 && x.off(i, l3+plainOuter6, k)
}

// sums reports whether the words of an IPv4 header add up (RFC 1071).
func sums(w0, w1, w2 uint64) bool {
	s, c := bits.Add64(w0, w1, 0)
	s, c = bits.Add64(s, w2, c)
	s += c
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	return wire.Fold(uint32(s)) == 0xffff
}

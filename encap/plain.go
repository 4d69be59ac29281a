package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// plainOuter is what a plain packet has behind its Ethernet header: IPv4, UDP and the first two words of a tunnel's.
const plainOuter = wire.IPv4Size + wire.UDPSize + 8 // bytes

// Parts of the first word of an IPv4 header, in the order in which bytes stand in memory.
const (
	plainVersion  = 4<<4 | wire.IPv4Size/4
	plainFragment = uint64((wire.IPv4MoreFragments|wire.IPv4FragOffset)>>8|(wire.IPv4MoreFragments|wire.IPv4FragOffset)&0xff<<8) << 48
)

// plain reads the outer headers of plain packets, which most are: IPv4 without options behind a VLAN tag or none, not a
// fragment, with a right checksum, a UDP header that has the port of a tunnel, and a length that the frame has. Of the
// frames in all it returns a bit for each that may have come by a tunnel, and one for each that is to be looked at closely.
// Other UDP packets are in neither.
//
// The branches go the same way for all packets of most batches, so that the work on many of them is under way together.
func (x *Popper) plain(all uint64) (set, others uint64) {
	last, typ := uint16(0), NoType // of the port before, since most packets have the same
	var marked, sound uint64
	for ; all != 0; all &= all - 1 {
		i := bits.TrailingZeros64(all)
		f := x.frames[i]
		pkt := x.pool.Bytes(f)
		if len(pkt) < wire.EthernetSize+plainOuter {
			others |= 1 << i
			continue
		}
		l3 := wire.EthernetSize
		where := uint64(0)
		ether := binary.BigEndian.Uint16(pkt[wire.EthType:])
		if ether == wire.TypeVLAN && len(pkt) >= wire.EthernetSize+wire.VLANTagSize+plainOuter {
			tag := binary.BigEndian.Uint32(pkt[l3:])
			where = uint64(tag>>16&0xfff) << whereVLAN
			ether = uint16(tag)
			l3 += wire.VLANTagSize
		}
		h := (*[plainOuter]byte)(pkt[l3:])
		w0 := binary.LittleEndian.Uint64(h[:])
		w1 := binary.LittleEndian.Uint64(h[8:])
		w2 := uint64(binary.LittleEndian.Uint32(h[16:]))
		if ether != wire.TypeIPv4 || byte(w0) != plainVersion || w0&plainFragment != 0 || byte(w1>>8) != wire.ProtoUDP || !sums(w0, w1, w2) {
			others |= 1 << i
			continue
		}
		if port := binary.BigEndian.Uint16(h[wire.IPv4Size+wire.DstPort:]); port != last {
			last, typ = port, x.tunnels.typeOf(port)
		}
		if typ == NoType {
			continue
		}
		end := l3 + int(bits.ReverseBytes16(uint16(w0>>16)))
		size := l3 + wire.IPv4Size + int(binary.BigEndian.Uint16(h[wire.IPv4Size+wire.UDPLength:]))
		if size > end || end > x.pool.Total(f) || size < l3+plainOuter {
			others |= 1 << i
			continue
		}
		set |= 1 << i
		if binary.LittleEndian.Uint16(h[wire.IPv4Size+wire.UDPChecksum:]) == 0 && f.Flags() == 0 {
			sound |= 1 << i
		}
		marked |= w0 >> 8 & ect1 << i
		key := binary.BigEndian.Uint32(h[wire.IPv4Size+wire.UDPSize+4:])
		// Field by field: a whole value would be made elsewhere and read back before it is there.
		a := &x.arrivals[i]
		a.src = [2]uint64{1: uint64(bits.ReverseBytes32(uint32(w1 >> 32)))}
		a.dst = [2]uint64{1: uint64(bits.ReverseBytes32(uint32(w2)))}
		a.where = where | uint64(last)<<wherePort | uint64(key>>kinds[typ].shift)
		a.mac = macOf(pkt)
		a.size, a.l3, a.l4 = uint32(size), uint16(l3), uint16(l3+wire.IPv4Size)
		a.bits, a.gbp, a.tos, a.options, a.bad = 0, GBP{}, uint8(w0>>8), 0, Good
	}
	x.marked, x.sound = marked, sound
	return set, others
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

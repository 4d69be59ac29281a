package tunnel

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/wire"
)

// tooBig returns what tells the sender of a packet that room bytes of it are the most that goes through. It comes from
// where the packet goes, since nobody here has an address in the overlay. nil: nobody may be told (RFC 1812 section
// 4.3.2.7, RFC 4443 section 2.4, RFC 792): of IPv4 that may be cut, of what is to or from a group or nobody, of an error
// message, of a fragment other than the first. RFC 4443 would have IPv6 groups' senders told as well, for which there is
// no address to come from.
func tooBig(packet []byte, room int) []byte {
	l3 := networkHeader(packet)
	dst, src := [6]byte(packet[wire.EthSrc:]), [6]byte(packet[wire.EthDst:])
	from, to, ok := endsOf(packet, l3)
	if !ok || (src[0]|dst[0])&1 != 0 || !icmp.Unicast(from) || !icmp.Unicast(to) || encap.Cuttable(packet, l3) {
		return nil
	}
	up, ok := wire.UpperOf(packet, l3, from.Is6())
	if !ok || up.Later || isError(packet, up, from.Is6()) {
		return nil
	}
	mtu := room - l3
	if from.Is6() {
		mtu = max(mtu, encap.LeastMTU6) // workers see to it that so much goes through
	}
	return tagAs(icmp.TooBig(mtu).Packet(dst, src, from, to, packet[l3:]), packet, l3)
}

// endsOf returns the addresses that an IP packet goes to and comes from: the way that an answer takes.
func endsOf(packet []byte, l3 int) (from, to netip.Addr, ok bool) {
	h := packet[l3:]
	switch binary.BigEndian.Uint16(packet[l3-2:]) {
	case wire.TypeIPv4:
		if len(h) >= wire.IPv4Size && h[0]>>4 == 4 {
			return netip.AddrFrom4([4]byte(h[wire.IPv4Dst:])), netip.AddrFrom4([4]byte(h[wire.IPv4Src:])), true
		}
	case wire.TypeIPv6:
		if len(h) >= wire.IPv6Size && h[0]>>4 == 6 {
			return netip.AddrFrom16([16]byte(h[wire.IPv6Dst:])), netip.AddrFrom16([16]byte(h[wire.IPv6Src:])), true
		}
	}
	return from, to, false
}

// isError reports whether a packet is an ICMP message that none must answer, or too short for anybody to say.
func isError(packet []byte, up wire.Upper, v6 bool) bool {
	if up.Proto != wire.ProtoICMP && !v6 || up.Proto != wire.ProtoICMPv6 && v6 {
		return false
	}
	return len(packet) <= up.Off || !icmp.Answerable(v6, packet[up.Off])
}

// networkHeader returns where what is behind the Ethernet header and its tags begins; it may be the end of the packet,
// which has an Ethernet header.
func networkHeader(packet []byte) int {
	l3 := wire.EthernetSize
	for len(packet) >= l3+wire.VLANTagSize && isTag(packet[l3-2:]) {
		l3 += wire.VLANTagSize
	}
	return l3
}

func isTag(typ []byte) bool {
	t := binary.BigEndian.Uint16(typ)
	return t == wire.TypeVLAN || t == wire.TypeSVLAN
}

// tagAs puts the VLAN tags of a packet, whose network header is at l3, onto a reply without any.
func tagAs(reply, packet []byte, l3 int) []byte {
	return slices.Insert(reply, wire.EthType, packet[wire.EthType:l3-2]...)
}

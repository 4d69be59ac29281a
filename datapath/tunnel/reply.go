package tunnel

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/wire"
)

// answer returns the answer of the host with the Ethernet address mac to a packet that asks for its address target: an
// ARP request or a neighbour solicitation, as dispatch.target knows them. nil: the packet is cut short.
func answer(packet []byte, mac [6]byte, target netip.Addr) []byte {
	l3 := networkHeader(packet)
	asks := [6]byte(packet[wire.EthSrc:])
	var reply []byte
	switch h := packet[l3:]; {
	case target.Is4() && len(h) >= wire.ARPSize:
		reply = wire.NewARP(asks, wire.ARPReply, mac, target, [6]byte(h[wire.ARPSHA:]), netip.AddrFrom4([4]byte(h[wire.ARPSPA:])))
	case target.Is6() && len(h) >= wire.IPv6Size:
		src := netip.AddrFrom16([16]byte(h[wire.IPv6Src:]))
		reply = wire.NewND(asks, mac, target, src, wire.NDAdvert, wire.NDSolicited, target)
	default:
		return nil
	}
	return tagAs(reply, packet, l3)
}

const ipv4Offset = 0x1fff // the bits of wire.IPv4Fragment that say where in its datagram a fragment lies

// tooBig returns what tells the sender of a packet that room bytes of it are the most that goes through. It comes from
// where the packet goes, since nobody here has an address in the overlay. nil: nobody may be told (RFC 1812 section
// 4.3.2.7, RFC 4443 section 2.4).
func tooBig(packet []byte, room int) []byte {
	l3 := networkHeader(packet)
	h := packet[l3:]
	dst, src := [6]byte(packet[wire.EthSrc:]), [6]byte(packet[wire.EthDst:])
	if src[0]&1 != 0 || len(h) < wire.IPv4Size {
		return nil
	}
	var from, to netip.Addr
	v6, proto, message := h[0]>>4 == 6, h[wire.IPv4Protocol], h[min(len(h), int(h[0]&0xf)*4):]
	switch {
	case v6 && len(h) >= wire.IPv6Size:
		from, to = netip.AddrFrom16([16]byte(h[wire.IPv6Dst:])), netip.AddrFrom16([16]byte(h[wire.IPv6Src:]))
		proto, message = h[wire.IPv6Next], h[wire.IPv6Size:]
	case h[0]>>4 == 4 && binary.BigEndian.Uint16(h[wire.IPv4Fragment:])&ipv4Offset == 0:
		from, to = netip.AddrFrom4([4]byte(h[wire.IPv4Dst:])), netip.AddrFrom4([4]byte(h[wire.IPv4Src:]))
	default:
		return nil
	}
	isICMP := !v6 && proto == wire.ProtoICMP || v6 && proto == wire.ProtoICMPv6
	if isICMP && (len(message) == 0 || !icmp.Answerable(v6, message[0])) {
		return nil
	}
	return tagAs(icmp.TooBig(room-l3).Packet(dst, src, from, to, h), packet, l3)
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

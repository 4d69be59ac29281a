package wire

import "encoding/binary"

// A layer4 is what an IP header says of what it carries.
type layer4 struct {
	proto uint8
	off   int  // offset of the transport header in bytes
	size  int  // bytes of transport header and payload, without padding
	part  bool // the packet is a fragment
	v6    bool
	// Packets on a source route have another destination in their pseudo-header than in their header.
	routed bool
}

// transport returns what the packet at l3 carries at l4. ok is false when l4 is 0, or when the headers
// before l4 are not all there, contradict each other or do not lead to l4.
func transport(pkt []byte, l3, l4 int) (t layer4, ok bool) {
	if l3 <= 0 || l4 <= l3 || l4 > len(pkt) {
		return layer4{}, false
	}
	h := pkt[l3:l4]
	switch {
	case len(h) >= IPv4Size && h[0]>>4 == 4:
		t = layer4{
			proto: h[IPv4Protocol],
			off:   l4,
			size:  int(binary.BigEndian.Uint16(h[IPv4Length:])) - len(h),
			part:  binary.BigEndian.Uint16(h[IPv4Fragment:])&(IPv4MoreFragments|IPv4FragOffset) != 0,
		}
		return t, int(h[0]&0x0f)*4 == len(h) && t.size >= 0
	case len(h) >= IPv6Size && h[0]>>4 == 6:
		t = layer4{
			proto: h[IPv6Next],
			off:   l4,
			size:  IPv6Size + int(binary.BigEndian.Uint16(h[IPv6Length:])) - len(h),
			v6:    true,
		}
		return t, t.extensions(h[IPv6Size:]) && t.size >= 0
	}
	return layer4{}, false
}

// Ports returns what the packet with its network header at l3 carries at l4, and between which ports; they
// are 0 in other protocols than TCP, UDP and SCTP and when their header is cut short. ok is false, and so
// is the protocol unknown, for a fragment, even the first, and when the headers before l4 are not in order.
func Ports(pkt []byte, l3, l4 int) (proto uint8, src, dst uint16, ok bool) {
	t, ok := transport(pkt, l3, l4)
	if !ok || t.part {
		return 0, 0, 0, false
	}
	sizes := [...]int{ProtoTCP: TCPSize, ProtoUDP: UDPSize, ProtoSCTP: SCTPSize}
	if int(t.proto) < len(sizes) && sizes[t.proto] != 0 {
		if h, ok := t.header(pkt, sizes[t.proto]); ok {
			return t.proto, binary.BigEndian.Uint16(h[SrcPort:]), binary.BigEndian.Uint16(h[DstPort:]), true
		}
	}
	return t.proto, 0, 0, true
}

// extensions follows the IPv6 extension headers ext, which must fill it to the end, to the protocol
// behind them (RFC 8200 section 4).
func (t *layer4) extensions(ext []byte) bool {
	for len(ext) >= 8 {
		n := (int(ext[1]) + 1) * 8
		switch t.proto {
		case ProtoHopOpts, ProtoDstOpts:
		case ProtoRouting:
			t.routed = t.routed || ext[3] != 0 // segments left
		case ProtoAH:
			n = (int(ext[1]) + 2) * 4
		case ProtoFragment:
			n = 8
			const more = 1
			t.part = t.part || binary.BigEndian.Uint16(ext[2:])&(IPv6FragOffset|more) != 0
		default:
			return false
		}
		if n > len(ext) {
			return false
		}
		t.proto, ext = ext[0], ext[n:]
	}
	return len(ext) == 0
}

// header returns the n bytes of the transport header; ok is false when they are not all there.
func (t *layer4) header(pkt []byte, n int) (h []byte, ok bool) {
	if t.size < n || len(pkt)-t.off < n {
		return nil, false
	}
	return pkt[t.off : t.off+n], true
}

// pseudo returns the running sum of the packet's pseudo-header.
func (t *layer4) pseudo(pkt []byte, l3 int) uint32 {
	if t.v6 {
		return PseudoIPv6(pkt[l3:], t.proto, t.size)
	}
	return PseudoIPv4(pkt[l3:], t.proto, t.size)
}

// checksum returns the checksum field that covers the pseudo-header; ok is false when there is none:
// another protocol, a header cut short, UDP without checksum.
func (t *layer4) checksum(pkt []byte) (field []byte, ok bool) {
	switch t.proto {
	case ProtoTCP:
		if h, ok := t.header(pkt, TCPSize); ok {
			return h[TCPChecksum : TCPChecksum+2], true
		}
	case ProtoUDP:
		if h, ok := t.header(pkt, UDPSize); ok {
			field = h[UDPChecksum : UDPChecksum+2]
			return field, field[0]|field[1] != 0
		}
	case ProtoICMPv6:
		if h, ok := t.header(pkt, 4); ok && t.v6 {
			return h[ICMPChecksum : ICMPChecksum+2], true
		}
	}
	return nil, false
}

// putChecksum stores a checksum of UDP, where 0 means none, so that it is not 0 (RFC 768), of other
// protocols as it is.
func (t *layer4) putChecksum(field []byte, check uint16) {
	if check == 0 && t.proto == ProtoUDP {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(field, check)
}

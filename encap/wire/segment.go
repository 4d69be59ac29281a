package wire

import "encoding/binary"

// TCP flags that belong to one end of a segment that is cut into several (RFC 9293 section 3.1, RFC
// 3168 section 6.1.2).
const (
	tcpFIN = 0x01
	tcpPSH = 0x08
	tcpCWR = 0x80

	tcpSeq   = 4  // offset of the sequence number in bytes
	tcpFlags = 13 // offset of the flags in bytes
)

// A TCPCut says how a TCP packet longer than a port takes is cut into packets of their own, as
// hardware with segmentation offload does it. The zero value cuts nothing.
type TCPCut struct {
	l3, l4  int
	v6      bool
	Headers int // bytes of all headers, which every part repeats
	Payload int // bytes behind them
}

// CutTCP looks at a packet of total bytes whose headers are in pkt. ok is false when it is no TCP
// segment in one piece, or its headers do not add up.
func CutTCP(pkt []byte, total int) (c TCPCut, ok bool) {
	l3, typ := networkHeader(pkt)
	l4 := 0
	switch typ {
	case TypeIPv4:
		h, ok := ipv4Header(pkt, l3)
		if !ok {
			return TCPCut{}, false
		}
		l4 = l3 + int(h[0]&0x0f)*4
	case TypeIPv6:
		l4 = l3 + IPv6Size // a packet with extension headers is not cut
	default:
		return TCPCut{}, false
	}
	t, ok := transport(pkt, l3, l4)
	if !ok || t.proto != ProtoTCP || t.part || len(pkt) < l4+TCPSize {
		return TCPCut{}, false
	}
	size := int(pkt[l4+TCPDataOff]>>4) * 4
	c = TCPCut{l3: l3, l4: l4, v6: t.v6, Headers: l4 + size, Payload: t.size - size}
	return c, size >= TCPSize && c.Headers <= len(pkt) && c.Payload > 0 && l4+t.size <= total
}

// networkHeader returns the offset of the network header behind up to two VLAN tags, and its EtherType.
func networkHeader(pkt []byte) (l3 int, typ uint16) {
	l3 = EthernetSize
	for range 3 {
		if len(pkt) < l3 {
			return 0, 0
		}
		typ = binary.BigEndian.Uint16(pkt[l3-2:])
		if typ != TypeVLAN && typ != TypeSVLAN {
			return l3, typ
		}
		l3 += VLANTagSize
	}
	return 0, 0
}

// Fit returns the most payload bytes of a part whose network packet is at most mtu bytes; 0 when not
// even the headers fit.
func (c *TCPCut) Fit(mtu int) int { return max(0, mtu-(c.Headers-c.l3)) }

// Is reports whether the packet is TCP over IPv6, or else IPv4, with its checksum at offset bytes from start.
func (c *TCPCut) Is(v6 bool, start, offset int) bool {
	return c.v6 == v6 && c.l4 == start && offset == TCPChecksum
}

// Sum returns the running sum of what the transport checksum covers in the headers of the packet that
// is cut, the checksum itself included. With the payload's it folds to 0xffff when the checksum is right.
func (c *TCPCut) Sum(pkt []byte) uint32 {
	ip, tcp := pkt[c.l3:c.l4], pkt[c.l4:c.Headers]
	size := len(tcp) + c.Payload
	if ip[0]>>4 == 6 {
		return Sum(tcp, PseudoIPv6(ip, ProtoTCP, size))
	}
	return Sum(tcp, PseudoIPv4(ip, ProtoTCP, size))
}

// Patch makes the headers in pkt, copied from the packet that is cut, those of the part with n payload
// bytes from offset off on; part counts the parts from 0. It returns the running sum of everything the
// transport checksum covers but the payload; PutChecksum stores the result.
func (c *TCPCut) Patch(pkt []byte, part, off, n int) uint32 {
	ip, tcp := pkt[c.l3:c.l4], pkt[c.l4:c.Headers]
	seq := binary.BigEndian.Uint32(tcp[tcpSeq:])
	binary.BigEndian.PutUint32(tcp[tcpSeq:], seq+uint32(off))
	if off+n < c.Payload {
		tcp[tcpFlags] &^= tcpFIN | tcpPSH
	}
	if off > 0 {
		tcp[tcpFlags] &^= tcpCWR
	}
	tcp[TCPChecksum], tcp[TCPChecksum+1] = 0, 0
	size := len(tcp) + n
	if ip[0]>>4 == 6 {
		binary.BigEndian.PutUint16(ip[IPv6Length:], uint16(size))
		return Sum(tcp, PseudoIPv6(ip, ProtoTCP, size))
	}
	binary.BigEndian.PutUint16(ip[IPv4Length:], uint16(len(ip)+size))
	id := binary.BigEndian.Uint16(ip[IPv4ID:])
	binary.BigEndian.PutUint16(ip[IPv4ID:], id+uint16(part))
	ip[IPv4Checksum], ip[IPv4Checksum+1] = 0, 0
	binary.BigEndian.PutUint16(ip[IPv4Checksum:], Checksum(ip))
	return Sum(tcp, PseudoIPv4(ip, ProtoTCP, size))
}

// PutChecksum stores the TCP checksum in a part's headers. sum is what Patch returned plus the sum of
// the payload.
func (c *TCPCut) PutChecksum(pkt []byte, sum uint32) {
	binary.BigEndian.PutUint16(pkt[c.l4+TCPChecksum:], ^Fold(sum))
}

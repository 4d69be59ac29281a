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

// A Cut says how a TCP packet longer than a port takes, or UDP datagrams that were sent as one packet, are cut
// into packets of their own, as hardware with segmentation offload does it. The zero value cuts nothing.
type Cut struct {
	l3, l4  int
	v6, udp bool
	Headers int // bytes of all headers, which every part repeats
	Payload int // bytes behind them
}

// CutTCP looks at a packet of total bytes whose headers are in pkt. ok is false when it is no TCP
// segment in one piece, or its headers do not add up.
func CutTCP(pkt []byte, total int) (c Cut, ok bool) {
	l3, l4, ok := networkEnds(pkt)
	if !ok {
		return Cut{}, false
	}
	t, ok := transport(pkt, l3, l4)
	if !ok || t.proto != ProtoTCP || t.part || len(pkt) < l4+TCPSize {
		return Cut{}, false
	}
	size := int(pkt[l4+TCPDataOff]>>4) * 4
	c = Cut{l3: l3, l4: l4, v6: t.v6, Headers: l4 + size, Payload: t.size - size}
	return c, size >= TCPSize && c.Headers <= len(pkt) && c.Payload > 0 && l4+t.size <= total
}

// CutUDP is CutTCP for UDP datagrams of one size, but perhaps the last, that were sent as one packet (VIRTIO 1.2,
// 5.1.6.2, VIRTIO_NET_HDR_GSO_UDP_L4). Their sender has said so: a datagram that is only long is not to be cut.
func CutUDP(pkt []byte, total int) (c Cut, ok bool) {
	l3, l4, ok := networkEnds(pkt)
	if !ok {
		return Cut{}, false
	}
	t, ok := transport(pkt, l3, l4)
	if !ok || t.proto != ProtoUDP || t.part || len(pkt) < l4+UDPSize {
		return Cut{}, false
	}
	c = Cut{l3: l3, l4: l4, v6: t.v6, udp: true, Headers: l4 + UDPSize, Payload: t.size - UDPSize}
	return c, c.Payload > 0 && l4+t.size <= total
}

// networkEnds returns the offsets of the network header and of what follows it. ok is false for what is not cut.
func networkEnds(pkt []byte) (l3, l4 int, ok bool) {
	l3, typ := networkHeader(pkt)
	switch typ {
	case TypeIPv4:
		h, ok := ipv4Header(pkt, l3)
		if !ok {
			return 0, 0, false
		}
		return l3, l3 + int(h[0]&0x0f)*4, true
	case TypeIPv6:
		return l3, l3 + IPv6Size, true // a packet with extension headers is not cut
	}
	return 0, 0, false
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
func (c *Cut) Fit(mtu int) int { return max(0, mtu-(c.Headers-c.l3)) }

// IPv6 reports whether the packet is one of IPv6, else it is of IPv4.
func (c *Cut) IPv6() bool { return c.v6 }

// ChecksumAt reports whether the packet's transport checksum is at offset bytes from start.
func (c *Cut) ChecksumAt(start, offset int) bool { return c.l4 == start && offset == c.checksum() }

// checksum returns the offset of the checksum in the transport header.
func (c *Cut) checksum() int {
	if c.udp {
		return UDPChecksum
	}
	return TCPChecksum
}

func (c *Cut) proto() uint8 {
	if c.udp {
		return ProtoUDP
	}
	return ProtoTCP
}

// Sum returns the running sum of what the transport checksum covers in the headers of the packet that
// is cut, the checksum itself included. With the payload's it folds to 0xffff when the checksum is right.
func (c *Cut) Sum(pkt []byte) uint32 {
	h := pkt[c.l4:c.Headers]
	return Sum(h, c.pseudo(pkt[c.l3:c.l4], len(h)+c.Payload))
}

// pseudo returns the sum of the pseudo-header in front of size bytes.
func (c *Cut) pseudo(ip []byte, size int) uint32 {
	if ip[0]>>4 == 6 {
		return PseudoIPv6(ip, c.proto(), size)
	}
	return PseudoIPv4(ip, c.proto(), size)
}

// Patch makes the headers in pkt, copied from the packet that is cut, those of the part with n payload
// bytes from offset off on; part counts the parts from 0. It returns the running sum of everything the
// transport checksum covers but the payload; PutChecksum stores the result.
func (c *Cut) Patch(pkt []byte, part, off, n int) uint32 {
	ip, h := pkt[c.l3:c.l4], pkt[c.l4:c.Headers]
	size := len(h) + n
	if c.udp {
		binary.BigEndian.PutUint16(h[UDPLength:], uint16(size))
	} else {
		c.patchTCP(h, off, n)
	}
	at := c.checksum()
	h[at], h[at+1] = 0, 0
	if ip[0]>>4 == 6 {
		binary.BigEndian.PutUint16(ip[IPv6Length:], uint16(size))
	} else {
		binary.BigEndian.PutUint16(ip[IPv4Length:], uint16(len(ip)+size))
		id := binary.BigEndian.Uint16(ip[IPv4ID:])
		binary.BigEndian.PutUint16(ip[IPv4ID:], id+uint16(part))
		ip[IPv4Checksum], ip[IPv4Checksum+1] = 0, 0
		binary.BigEndian.PutUint16(ip[IPv4Checksum:], Checksum(ip))
	}
	return Sum(h, c.pseudo(ip, size))
}

// patchTCP is the part of Patch that only TCP has.
func (c *Cut) patchTCP(tcp []byte, off, n int) {
	seq := binary.BigEndian.Uint32(tcp[tcpSeq:])
	binary.BigEndian.PutUint32(tcp[tcpSeq:], seq+uint32(off))
	if off+n < c.Payload {
		tcp[tcpFlags] &^= tcpFIN | tcpPSH
	}
	if off > 0 {
		tcp[tcpFlags] &^= tcpCWR
	}
}

// PutChecksum stores the transport checksum in a part's headers. sum is what Patch returned plus the sum of
// the payload. For UDP 0 stands for none, and is sent as ones (RFC 768).
func (c *Cut) PutChecksum(pkt []byte, sum uint32) {
	v := ^Fold(sum)
	if v == 0 && c.udp {
		v = 0xffff
	}
	binary.BigEndian.PutUint16(pkt[c.l4+c.checksum():], v)
}

package wire

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/ring/frame"
)

// CompleteChecksum completes the TCP or UDP checksum of f when its sender left that to hardware which
// is not there, and reports whether it did. A packet socket or a veth sender leaves the sum of the
// pseudo-header in the field. So: a field that equals it, in a packet whose checksum as a whole is
// wrong, is completed. Nothing else is ever touched: a right checksum stays, a wrong one stays wrong.
//
// l3 and l4 are the offsets of the IP and transport headers in bytes; l4 is 0 when there is none. All
// headers are in the first buffer, while the payload may be in a chain. A fragment is not touched, nor
// is a packet that is cut short or whose lengths contradict each other.
func CompleteChecksum(p *frame.Pool, f frame.Frame, l3, l4 int) bool {
	pkt := p.Bytes(f)
	t, ok := leftOut(pkt, p.Total(f), l3, l4)
	if !ok {
		return false
	}
	var s Summer
	left := t.size
	for piece := pkt[t.off:]; ; piece = p.Bytes(f) {
		piece = piece[:min(left, len(piece))]
		s.Add(piece)
		if left -= len(piece); left == 0 {
			break
		}
		if f, ok = p.Next(f); !ok {
			return false // the chain holds less than its total says
		}
	}
	return t.complete(pkt, l3, s.Sum())
}

// CompleteBytes does the same for a packet that is all in pkt.
func CompleteBytes(pkt []byte, l3, l4 int) bool {
	t, ok := leftOut(pkt, len(pkt), l3, l4)
	return ok && t.complete(pkt, l3, Sum(pkt[t.off:t.off+t.size], 0))
}

// leftOut reports whether the checksum of a packet of total bytes looks left to hardware, without
// looking at the payload.
func leftOut(pkt []byte, total, l3, l4 int) (t layer4, ok bool) {
	if !holdsPseudo(pkt, l3, l4) {
		return t, false
	}
	t, ok = transport(pkt, l3, l4)
	if !ok || t.part || t.routed || t.proto != ProtoTCP && t.proto != ProtoUDP || t.off+t.size > total {
		return t, false
	}
	field, ok := t.checksum(pkt)
	if !ok || binary.BigEndian.Uint16(field) != Fold(t.pseudo(pkt, l3)) {
		return t, false
	}
	if t.proto == ProtoUDP && int(binary.BigEndian.Uint16(pkt[t.off+UDPLength:])) != t.size {
		return t, false
	}
	return t, true
}

// holdsPseudo is the first look, all there is to do for nearly every packet: whether the checksum
// field may hold the pseudo-header's sum. What it takes for granted is checked by who believes it.
func holdsPseudo(pkt []byte, l3, l4 int) bool {
	if l3 <= 0 || l4-l3 < IPv4Size || len(pkt)-l4 < UDPSize {
		return false
	}
	h := pkt[l3:]
	var proto uint8
	var sum uint32
	switch header := l4 - l3; {
	case h[0]>>4 == 4:
		proto = h[IPv4Protocol]
		sum = PseudoIPv4(h, proto, int(binary.BigEndian.Uint16(h[IPv4Length:]))-header)
	case header == IPv6Size:
		proto = h[IPv6Next]
		sum = PseudoIPv6(h, proto, int(binary.BigEndian.Uint16(h[IPv6Length:])))
	default:
		return true // extension headers to walk
	}
	at := l4 + UDPChecksum
	switch {
	case proto == ProtoTCP && len(pkt)-l4 >= TCPSize:
		at = l4 + TCPChecksum
	case proto != ProtoUDP:
		return false
	}
	return binary.BigEndian.Uint16(pkt[at:]) == Fold(sum)
}

// complete stores the checksum, unless the one there is right. sum is that of the transport header and
// payload, with the pseudo-header's in the checksum field: what the sender wanted summed up.
func (t *layer4) complete(pkt []byte, l3 int, sum uint32) bool {
	if Fold(sum+t.pseudo(pkt, l3)) == 0xffff {
		return false
	}
	field, ok := t.checksum(pkt)
	if ok {
		t.putChecksum(field, ^Fold(sum))
	}
	return ok
}

// SeedChecksum stores the sum of the pseudo-header in the TCP or UDP checksum field, as a sender does
// who leaves the checksum to the receiver. It is for packets that are passed on like that: the setters
// take the field for a complete checksum, and this puts right what they did to it.
func SeedChecksum(pkt []byte, l3, l4 int) {
	t, ok := transport(pkt, l3, l4)
	if !ok || t.proto != ProtoTCP && t.proto != ProtoUDP {
		return
	}
	if field, ok := t.checksum(pkt); ok {
		binary.BigEndian.PutUint16(field, Fold(t.pseudo(pkt, l3)))
	}
}

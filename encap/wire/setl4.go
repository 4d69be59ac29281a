package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// SetL4Port sets a port of the TCP, UDP or SCTP header at l4, the one at offset at: SrcPort or DstPort.
// The checksum follows; UDP without one stays without. A checksum that was wrong stays wrong.
func SetL4Port(pkt []byte, l3, l4, at int, port uint16) {
	t, ok := transport(pkt, l3, l4)
	if !ok {
		return
	}
	size := 0
	switch t.proto {
	case ProtoTCP:
		size = TCPSize
	case ProtoUDP:
		size = UDPSize
	case ProtoSCTP:
		size = SCTPSize
	default:
		return
	}
	h, ok := t.header(pkt, size)
	if !ok {
		return
	}
	if t.proto == ProtoSCTP {
		t.setSCTPPort(h, at, port)
		return
	}
	old := binary.BigEndian.Uint16(h[at:])
	binary.BigEndian.PutUint16(h[at:], port)
	if field, ok := t.checksum(pkt); ok {
		t.putChecksum(field, Update16(binary.BigEndian.Uint16(field), old, port))
	}
}

// SetICMP sets type and code of the ICMP or ICMPv6 message at l4. The checksum follows.
func SetICMP(pkt []byte, l3, l4 int, typ, code uint8) {
	t, ok := transport(pkt, l3, l4)
	if !ok || t.proto != ProtoICMP && t.proto != ProtoICMPv6 {
		return
	}
	h, ok := t.header(pkt, 4)
	if !ok {
		return
	}
	old, v := binary.BigEndian.Uint16(h), uint16(typ)<<8|uint16(code)
	binary.BigEndian.PutUint16(h, v)
	check := binary.BigEndian.Uint16(h[ICMPChecksum:])
	binary.BigEndian.PutUint16(h[ICMPChecksum:], Update16(check, old, v))
}

// castagnoli is SCTP's polynomial (RFC 9260 appendix A). It does not change.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// setSCTPPort sets a port and brings the CRC32c, which covers the whole packet, up to date without
// reading the packet: a CRC is linear, so the change of the CRC is that of the changed bytes followed
// by as many zeros as there are bytes behind them. In a fragment nobody knows how many these are, and
// the port stays as it is.
func (t *layer4) setSCTPPort(h []byte, at int, port uint16) {
	if t.part {
		return
	}
	old := binary.BigEndian.Uint16(h[at:])
	binary.BigEndian.PutUint16(h[at:], port)
	delta := crcOfDiff(old^port, t.size-at-2)
	// The CRC is sent with its least significant byte first.
	binary.LittleEndian.PutUint32(h[SCTPChecksum:], binary.LittleEndian.Uint32(h[SCTPChecksum:])^delta)
}

// crcOfDiff returns the change of a CRC when the bits of diff, two bytes with n bytes behind them, are
// flipped: the CRC of these bytes without the inversions at its start and end, which cancel out.
func crcOfDiff(diff uint16, n int) uint32 {
	var crc uint32
	crc = castagnoli[byte(crc)^byte(diff>>8)] ^ crc>>8
	crc = castagnoli[byte(crc)^byte(diff)] ^ crc>>8
	for n > 0 {
		part := zeros[:min(n, len(zeros))]
		crc = ^crc32.Update(^crc, castagnoli, part)
		n -= len(part)
	}
	return crc
}

// zeros is a run of zeros. It is never written.
var zeros [1024]byte

package wire

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/ring/frame"
)

// FinishChecksum completes a checksum as its sender asks for it (VIRTIO 1.2, 5.1.6.2): the sum of all that
// is in f from start on, where the field at offset from there holds what the sender has summed up already.
// Both are in bytes. It reports false, and changes nothing, when the field is not in the first buffer.
func FinishChecksum(p *frame.Pool, f frame.Frame, start, offset int) bool {
	pkt := p.Bytes(f)
	if start < 0 || offset < 0 || start+offset+2 > len(pkt) {
		return false
	}
	var s Summer
	s.Add(pkt[start:])
	for next, ok := p.Next(f); ok; next, ok = p.Next(next) {
		s.Add(p.Bytes(next))
	}
	check := ^Fold(s.Sum())
	if check == 0 {
		check = 0xffff // the same number, and in UDP 0 would mean that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(pkt[start+offset:], check)
	return true
}

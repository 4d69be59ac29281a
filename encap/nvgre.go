package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// NVGRE (RFC 7637 section 3.2) is GRE with a key of a 24-bit virtual subnet and 8 bits that tell flows apart, and
// without checksum and sequence number.

func sizeNVGRE(*Outer) int { return greFieldsSize(greKey) }

func buildNVGRE(b []byte, o *Outer, d *descriptor) []byte {
	*d |= dFlowID
	return appendGRE(b, greKey, wire.TypeTEB, o.Key<<8, d)
}

func readNVGRE(b []byte, _ descriptor, o *Outer) bool {
	if len(b) != greFieldsSize(greKey) {
		return false
	}
	o.Key = binary.BigEndian.Uint32(b[greSize:]) >> 8
	return true
}

// openNVGRE drops packets with other fields than the key, and frames with a VLAN tag, which must be dropped (RFC 7637
// section 3.2).
func openNVGRE(x *Popper, set uint64) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		a := &x.arrivals[i]
		if a.gre != greKey || tagged(x.pool.Bytes(x.frames[i]), int(a.inner)) {
			x.drop(i, BadHeader)
		}
	}
}

// tagged reports whether the Ethernet frame at off begins with a VLAN tag.
func tagged(pkt []byte, off int) bool {
	if len(pkt) < off+wire.EthernetSize {
		return false
	}
	typ := binary.BigEndian.Uint16(pkt[off+wire.EthType:])
	return typ == wire.TypeVLAN || typ == wire.TypeSVLAN
}

package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
)

// LeastMTU6 is how many bytes every link takes of an IPv6 packet, itself or what is below it (RFC 8200 section 5): hosts send no
// shorter ones because they are told to (RFC 8201 section 4).
const LeastMTU6 = 1280

// Least reports whether the frame of size bytes with its network header at l3, 0 if there is none, is an IPv6 packet that must
// go through whole: a tunnel that is too narrow for it carries it in fragments of the outer packet (RFC 2473 section 7.1).
func Least(pkt []byte, l3, size int) bool {
	return l3 >= wire.EthernetSize && len(pkt) >= l3+wire.IPv6Size && binary.BigEndian.Uint16(pkt[l3-2:]) == wire.TypeIPv6 &&
		pkt[l3]>>4 == 6 && size-l3 <= LeastMTU6
}

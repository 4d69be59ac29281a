package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/ring/frame"
)

// What is known of the outer headers that were removed from a frame with frame.HasTunnel is in its frame.Pool.Tunnel: the
// tunnel block of a flow key, field by field as a key has it, and behind it the raw options.
//
// Offsets in bytes; all fields are in network byte order and 0 when the packet has none.
const (
	MetaKey      = 0  // 8: VNI, GRE key, VSID or ERSPAN session
	MetaSrc      = 8  // 4: outer IPv4 addresses
	MetaDst      = 12 // 4
	MetaSrc6     = 16 // 16: outer IPv6 addresses
	MetaDst6     = 32 // 16
	MetaPresent  = 48 // 8: bytes of options; in a key: which tun_metadata there are
	MetaBits     = 56 // 4: ERSPAN index<<12, version<<8, hardware id<<2, direction<<1, and OAM
	MetaGBP      = 60 // 2
	MetaGBPFlags = 62 // 1
	MetaTOS      = 63 // 1

	MetaBlock = frame.TunnelBlock
)

var _ = [1]struct{}{}[frame.TunnelOptions-MaxOptions]

// describe fills in what is kept of the outer headers of a frame that came as a says, but for its options.
func (a *arrival) describe(room *[frame.TunnelRoom]byte) {
	be := binary.BigEndian
	be.PutUint64(room[MetaKey:], uint64(a.key()))
	var v4, src0, src1, dst0, dst1 uint64
	if a.where&whereV6 == 0 {
		v4 = a.src[1]<<32 | a.dst[1]
	} else {
		src0, src1, dst0, dst1 = a.src[0], a.src[1], a.dst[0], a.dst[1]
	}
	be.PutUint64(room[MetaSrc:], v4)
	be.PutUint64(room[MetaSrc6:], src0)
	be.PutUint64(room[MetaSrc6+8:], src1)
	be.PutUint64(room[MetaDst6:], dst0)
	be.PutUint64(room[MetaDst6+8:], dst1)
	be.PutUint64(room[MetaBits:], uint64(a.bits)<<32|uint64(a.gbp.ID)<<16|uint64(a.gbp.Flags)<<8|uint64(a.tos))
	frame.SetTunnelOptions(room, int(a.options))
}

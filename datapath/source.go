package datapath

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// sourceHash returns a keyed hash of who has sent packet i of k: its Ethernet and IPv4 or ARP source address, or
// the upper half of its IPv6 source address, since a host may use all addresses of its /64.
func sourceHash(k *flow.Keys, i uint16, seed *flow.Seed) uint8 {
	base := &k.Block[flow.Base][i]
	mac := binary.LittleEndian.Uint64(base[flow.OffEthSrc:]) << 16 // without the two bytes behind it
	ip := uint64(binary.LittleEndian.Uint32(base[flow.OffIPSrc:]))
	if flow.BlocksOf(base)&(1<<flow.Net6) != 0 {
		ip ^= binary.LittleEndian.Uint64(k.Block[flow.Net6][i][flow.OffIP6Src:])
	}
	high, low := bits.Mul64(mac^seed[2], ip^seed[5])
	return uint8((high ^ low) >> 56)
}

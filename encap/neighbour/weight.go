package neighbour

import (
	"encoding/binary"
	"net/netip"
)

// Weight returns how heavily a router weighs for a slot: of several as good as each other, the heaviest is taken for
// the packets of that slot (Thaler and Ravishankar, 1996). When one goes, only what went by it goes elsewhere.
func Weight(router netip.Addr, slot uint64) uint64 {
	a := router.As16()
	return mix(mix(binary.BigEndian.Uint64(a[:])^slot) ^ binary.BigEndian.Uint64(a[8:]))
}

// mix spreads the bits of v (splitmix64).
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

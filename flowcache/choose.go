package flowcache

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// setExact makes the two masks that all ports share. Both have every bit of every block; the connection
// mask leaves out what differs between packets of one connection: TCP flags, TOS and TTL.
func (m *Megaflow) setExact() {
	for i := range m.exact.block {
		for j := range m.exact.block[i] {
			m.exact.block[i][j] = 0xff
		}
	}
	m.exact.blocks = 1<<flow.FastBlocks - 1
	m.exact.exact = true
	m.connection = m.exact
	m.connection.salt = m.seed[0]
	clear(m.connection.block[flow.Base][flow.OffTCPFlags : flow.OffTCPFlags+2])
	m.connection.block[flow.Base][flow.OffIPTOS] = 0
	m.connection.block[flow.Base][flow.OffIPTTL] = 0
}

// usualMask returns the mask of the port's latest flow if that is what a new one wants, too, as most do; else 0.
func (m *Megaflow) usualMask(port uint32, want *flow.Mask) maskID {
	id := m.shares.of[port].latest
	if id < firstMask || m.maskInfo[id].leaves || m.masks[id-firstMask].block != [flow.FastBlocks]flow.Block(want[:]) {
		return 0
	}
	return id
}

// chooseMask returns the mask that a new flow of a port goes under: want itself; with all masks of the
// port in use, the widest of them that covers want; else the connection mask or the exact one. A mask that
// covers want makes a flow that fewer packets match, all of which want would match too, so it is always
// right. isNew says that the port does not list the mask yet: the caller lists it or gives it back.
func (m *Megaflow) chooseMask(port uint32, want *flow.Mask) (id maskID, isNew bool) {
	n := 0             // masks that count against the cap
	var listed [2]bool // the exact and the connection mask
	wanted := bitsOf(want)
	best, bestBits := maskID(0), ^uint32(0) // 0: none
	for _, id := range m.portMasks(port) {
		if id < firstMask {
			listed[id/maxPorts] = true
			continue
		}
		n++
		in := &m.maskInfo[id]
		if in.leaves || in.bits >= bestBits || !coversMask(&m.masks[id-firstMask], want) {
			continue
		}
		if best, bestBits = id, in.bits; bestBits == wanted {
			return id, false
		}
	}
	if m.hasPlace(port, n, want) {
		if id, ok := m.newMask(want); ok {
			return id, true
		}
	}
	switch {
	case best != 0:
		return best, false
	case coversMask(&m.connection, want):
		return maxPorts + maskID(port), !listed[1]
	}
	return maskID(port), !listed[0]
}

// coversMask reports whether rec has every bit of want, in the blocks that take part in the caches.
func coversMask(rec *mask, want *flow.Mask) bool {
	var missing uint64
	for i := range rec.block {
		for j := 0; j < flow.BlockSize; j += 8 {
			missing |= binary.LittleEndian.Uint64(want[i][j:]) &^ binary.LittleEndian.Uint64(rec.block[i][j:])
		}
	}
	return missing == 0
}

// bitsOf counts the bits of want in the blocks that take part in the caches.
func bitsOf(want *flow.Mask) uint32 {
	n := 0
	for i := range flow.FastBlocks {
		for j := 0; j < flow.BlockSize; j += 8 {
			n += bits.OnesCount64(binary.LittleEndian.Uint64(want[i][j:]))
		}
	}
	return uint32(n)
}

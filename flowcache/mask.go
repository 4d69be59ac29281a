package flowcache

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-2]

// maxPorts bounds port numbers: the caches serve ports 0 to maxPorts-1.
const maxPorts = 1 << 16

// A maskID names a mask of one port. Those below maxPorts are the exact masks of the port with that
// number; the others are records of Megaflow.masks.
type maskID uint32

// A mask is the bits of a key that flows of one port are told by. While any port lists it, it does
// not change.
type mask struct {
	block  [flow.FastBlocks]flow.Block
	salt   uint64 // start of the hash: the same bits under another mask hash differently
	blocks uint8  // bit i: block i has bits set
	exact  bool   // blocks that a key lacks do not count, since the base block says which it has
	_      [54]byte
}

// maskInfo is what the writer knows about a mask.
type maskInfo struct {
	stamp  uint64 // when it was taken off its port's list
	hits   uint64 // up to the last SortMasks
	recent uint64 // hits between the last two
	flows  uint32
	bits   uint32 // bits set
	next   maskID // in the list of free masks, or of those that wait for their stamp
}

// A maskList is the masks to probe for the packets of one port, in that order. Once published it is
// never changed: workers keep it for a batch, then the garbage collector gets it. A new one is made when
// a mask comes or goes, which the cap per port keeps rare, and when SortMasks finds a better order.
type maskList struct {
	ids []maskID
}

// maskOf returns the mask with that id.
func (m *Megaflow) maskOf(id maskID) *mask {
	if id < maxPorts {
		return &m.exact
	}
	return &m.masks[id-maxPorts]
}

// portMasks returns the masks of a port. Ports without flows have none.
func (m *Megaflow) portMasks(port uint32) []maskID {
	if port >= maxPorts {
		return nil
	}
	if l := m.ports[port].Load(); l != nil {
		return l.ids
	}
	return nil
}

// setPortMasks publishes the masks of a port.
func (m *Megaflow) setPortMasks(port uint32, ids []maskID) {
	if len(ids) == 0 {
		m.ports[port].Store(nil)
		return
	}
	m.ports[port].Store(&maskList{ids: ids})
}

// Masks returns how many masks packets from port are looked up under. Safe for any goroutine.
func (m *Megaflow) Masks(port uint32) int { return len(m.portMasks(port)) }

// chooseMask returns the mask that a new flow of a port goes under: want itself; with all masks of the
// port in use, the widest of them that covers want; else the exact one. A mask that covers want makes
// a flow that fewer packets match, all of which want would match too, so it is always right.
// isNew says that the port does not list the mask yet: the caller lists it or gives it back.
func (m *Megaflow) chooseMask(port uint32, want *flow.Mask) (id maskID, isNew bool) {
	n, exact := 0, false // masks that count against the cap; the port lists its exact mask
	wanted := bitsOf(want)
	var widest maskID // 0 is never in question: exact masks are chosen last
	for _, id := range m.portMasks(port) {
		if id < maxPorts {
			exact = true
			continue
		}
		n++
		switch covers := coversMask(&m.masks[id-maxPorts], want); {
		case covers && m.maskInfo[id].bits == wanted:
			return id, false
		case covers && (widest == 0 || m.maskInfo[id].bits < m.maskInfo[widest].bits):
			widest = id
		}
	}
	if n < m.masksPerPort {
		if id, ok := m.newMask(want); ok {
			return id, true
		}
	}
	if widest != 0 {
		return widest, false
	}
	return maskID(port), !exact
}

// newMask makes a mask of want. It is free until a port lists it.
func (m *Megaflow) newMask(want *flow.Mask) (maskID, bool) {
	id := m.freeMask
	if id == 0 && m.reclaimMasks() > 0 {
		id = m.freeMask
	}
	switch {
	case id != 0:
		m.freeMask = m.maskInfo[id].next
	case int(m.nextMask-maxPorts) < len(m.masks):
		id = m.nextMask
		m.nextMask++
	default:
		return 0, false
	}
	rec := &m.masks[id-maxPorts]
	copy(rec.block[:], want[:flow.FastBlocks])
	rec.salt = m.seed[0] * uint64(id)
	rec.blocks = uint8(want.Blocks()) // as many bits as there are blocks in the caches
	m.maskInfo[id] = maskInfo{bits: bitsOf(want), hits: m.maskHits(id)}
	return id, true
}

// giveMask takes back a mask that no port ever listed.
func (m *Megaflow) giveMask(id maskID) {
	if id >= maxPorts {
		m.maskInfo[id].next = m.freeMask
		m.freeMask = id
	}
}

// addFlow counts a flow more under a mask of port, which the port lists from the first on.
func (m *Megaflow) addFlow(port uint32, id maskID, isNew bool) {
	m.maskInfo[id].flows++
	if isNew {
		old := m.portMasks(port)
		ids := make([]maskID, len(old), len(old)+1)
		copy(ids, old)
		m.setPortMasks(port, append(ids, id))
	}
}

// dropFlow counts a flow less under a mask of port, which goes out of the port's list with the last.
func (m *Megaflow) dropFlow(port uint32, id maskID) {
	in := &m.maskInfo[id]
	if in.flows--; in.flows > 0 {
		return
	}
	old := m.portMasks(port)
	ids := make([]maskID, 0, len(old))
	for _, o := range old {
		if o != id {
			ids = append(ids, o)
		}
	}
	m.setPortMasks(port, ids)
	if id < maxPorts {
		return
	}
	in.stamp, in.next = m.epochs.Advance(), 0
	if m.oldMask == 0 {
		m.oldMask = id
	} else {
		m.maskInfo[m.newestMask].next = id
	}
	m.newestMask = id
}

// reclaimMasks frees the masks that no worker can be using any more, and returns how many.
func (m *Megaflow) reclaimMasks() int {
	passed := m.epochs.oldest()
	n := 0
	for m.oldMask != 0 && m.maskInfo[m.oldMask].stamp <= passed {
		id := m.oldMask
		in := &m.maskInfo[id]
		m.oldMask = in.next
		in.next = m.freeMask
		m.freeMask = id
		n++
	}
	return n
}

// maskHits returns how often flows under mask id were hit, over all workers and all uses of the id.
func (m *Megaflow) maskHits(id maskID) uint64 {
	var n uint64
	for _, t := range m.tallies() {
		n += atomic.LoadUint64(&t.hits[id])
	}
	return n
}

// SortMasks puts the masks of each port in the order of their hits since the last call, so that most
// packets are found early. Once a second or so.
func (m *Megaflow) SortMasks() {
	for port := range uint32(maxPorts) {
		old := m.portMasks(port)
		if len(old) < 2 {
			continue
		}
		for _, id := range old {
			in := &m.maskInfo[id]
			hits := m.maskHits(id)
			in.hits, in.recent = hits, hits-in.hits
		}
		order := func(a, b maskID) int { return cmp.Compare(m.maskInfo[b].recent, m.maskInfo[a].recent) }
		if slices.IsSortedFunc(old, order) {
			continue
		}
		ids := slices.Clone(old)
		slices.SortStableFunc(ids, order)
		m.setPortMasks(port, ids)
	}
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

package flowcache

import (
	"cmp"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// maxPorts bounds port numbers: the caches serve ports 0 to maxPorts-1.
const maxPorts = 1 << 16

// A maskID names a mask of one port. Those below maxPorts are the exact mask of the port with that number, the
// next maxPorts the connection mask of each port, the others records of Megaflow.masks.
type maskID uint32

// firstMask is the id of the first record of Megaflow.masks.
const firstMask maskID = 2 * maxPorts

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
	leaves bool   // its flows are being removed: it takes no new ones
}

// A maskList is the masks to probe for the packets of one port, in that order. Once published it is
// never changed: workers keep it for a batch, then the garbage collector gets it. A new one is made when
// a mask comes or goes, which the cap per port keeps rare, and when SortMasks finds a better order.
type maskList struct {
	ids []maskID
}

// maskOf returns the mask with that id.
func (m *Megaflow) maskOf(id maskID) *mask {
	switch {
	case id >= firstMask:
		return &m.masks[id-firstMask]
	case id >= maxPorts:
		return &m.connection
	}
	return &m.exact
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
		m.listing[port/64] &^= 1 << (port % 64)
		return
	}
	m.ports[port].Store(&maskList{ids: ids})
	m.listing[port/64] |= 1 << (port % 64)
}

// Masks returns how many masks packets from port are looked up under. Safe for any goroutine.
func (m *Megaflow) Masks(port uint32) int { return len(m.portMasks(port)) }

// newMask makes a mask of want. It is free until a port lists it.
func (m *Megaflow) newMask(want *flow.Mask) (maskID, bool) {
	id := m.freeMask
	if id == 0 && m.reclaimMasks() > 0 {
		id = m.freeMask
	}
	switch {
	case id != 0:
		m.freeMask = m.maskInfo[id].next
	case int(m.nextMask-firstMask) < len(m.masks):
		id = m.nextMask
		m.nextMask++
	default:
		return 0, false
	}
	rec := &m.masks[id-firstMask]
	copy(rec.block[:], want[:flow.FastBlocks])
	rec.salt = m.seed[0] * uint64(id)
	rec.blocks = uint8(want.Blocks()) // as many bits as there are blocks in the caches
	m.maskInfo[id] = maskInfo{bits: bitsOf(want), hits: m.maskHits(id)}
	return id, true
}

// giveMask takes back a mask that no port ever listed.
func (m *Megaflow) giveMask(id maskID) {
	if id >= firstMask {
		m.maskInfo[id].next = m.freeMask
		m.freeMask = id
	}
}

// addFlow counts a flow more under a mask of port, which the port lists from the first on.
func (m *Megaflow) addFlow(port uint32, id maskID, isNew bool) {
	m.maskInfo[id].flows++
	m.shares.add(port)
	m.shares.of[port].latest = id
	if isNew {
		old := m.portMasks(port)
		ids := make([]maskID, len(old), len(old)+1)
		copy(ids, old)
		m.setPortMasks(port, append(ids, id))
	}
}

// dropFlow counts a flow less under a mask of port, which goes out of the port's list with the last.
func (m *Megaflow) dropFlow(port uint32, id maskID) {
	m.shares.drop(port)
	in := &m.maskInfo[id]
	if in.flows--; in.flows > 0 {
		return
	}
	if p := &m.shares.of[port]; p.latest == id {
		p.latest = 0
	}
	old := m.portMasks(port)
	ids := make([]maskID, 0, len(old))
	for _, o := range old {
		if o != id {
			ids = append(ids, o)
		}
	}
	m.setPortMasks(port, ids)
	if id < firstMask {
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
// packets are found early. Of a port that has all its masks it also chooses those that are to make room for others
// that more flows ask for. Once a second or so.
func (m *Megaflow) SortMasks() {
	for i, ports := range m.listing {
		for ; ports != 0; ports &= ports - 1 {
			m.sortMasks(uint32(64*i + bits.TrailingZeros64(ports)))
		}
	}
	m.replaceMasks()
}

// sortMasks is SortMasks for one port.
func (m *Megaflow) sortMasks(port uint32) {
	old := m.portMasks(port)
	for _, id := range old {
		in := &m.maskInfo[id]
		hits := m.maskHits(id)
		in.hits, in.recent = hits, hits-in.hits
	}
	order := func(a, b maskID) int { return cmp.Compare(m.maskInfo[b].recent, m.maskInfo[a].recent) }
	if len(old) > 1 && !slices.IsSortedFunc(old, order) {
		ids := slices.Clone(old)
		slices.SortStableFunc(ids, order)
		m.setPortMasks(port, ids)
	}
}

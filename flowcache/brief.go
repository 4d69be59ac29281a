package flowcache

// A Brief is what can be told of a flow without copying its key and mask, some 800 bytes: enough to
// pass over a flow that nothing concerns.
type Brief struct {
	Port    uint32 // input port
	Trail   ListID // the reference stays with the cache
	Tags    uint64 // Flow.Tags
	Version uint32 // Flow.Version
	Leaves  bool   // it is under a mask that is to go
	Stats
}

// Brief reads the flow in slot s into b and reports whether there is one.
func (m *Megaflow) Brief(s Slot, b *Brief) bool {
	if !m.live(s) {
		return false
	}
	e := &m.entries[s]
	b.Port, b.Trail, b.Tags, b.Stats = portOf(&e.base), e.trail, e.tags, m.Stats(s)
	b.Version = uint32(e.verdict.Load() >> 32)
	b.Leaves = m.maskInfo[e.mask].leaves
	return true
}

// Actions returns the program of the flow in slot s, which must be live. The reference stays with the
// cache.
func (m *Megaflow) Actions(s Slot) ListID { return m.entries[s].actions() }

// Version returns Flow.Version of the flow in slot s, which must be live.
func (m *Megaflow) Version(s Slot) uint32 { return uint32(m.entries[s].verdict.Load() >> 32) }

// Life returns which of the flows that slot s has had it has now. Numbers are used again after 2^31 flows: later
// than a packet can be under way.
func (m *Megaflow) Life(s Slot) uint32 { return uint32(m.entries[s].gen.Load()) }

// Lives reports whether slot s has a flow, and the one that Life returned life for.
func (m *Megaflow) Lives(s Slot, life uint32) bool { return m.live(s) && m.Life(s) == life }

// Bound returns the lowest slot that was never used: flows are in slots from 1 to below it.
func (m *Megaflow) Bound() Slot { return m.next }

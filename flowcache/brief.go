package flowcache

// A Brief is what can be told of a flow without copying its key and mask, some 800 bytes: enough to
// pass over a flow that nothing concerns.
type Brief struct {
	Port   uint32 // input port
	Trail  ListID // the reference stays with the cache
	Tags   uint64 // Flow.Tags
	Leaves bool   // it is under a mask that is to go
	Stats
}

// Brief reads the flow in slot s into b and reports whether there is one.
func (m *Megaflow) Brief(s Slot, b *Brief) bool {
	if !m.live(s) {
		return false
	}
	e := &m.entries[s]
	b.Port, b.Trail, b.Tags, b.Stats = portOf(&e.base), e.trail, e.tags, m.Stats(s)
	b.Leaves = m.maskInfo[e.mask].leaves
	return true
}

// Actions returns the program of the flow in slot s, which must be live. The reference stays with the
// cache.
func (m *Megaflow) Actions(s Slot) ListID { return ListID(m.entries[s].actions.Load()) }

// Bound returns the lowest slot that was never used: flows are in slots from 1 to below it.
func (m *Megaflow) Bound() Slot { return m.next }

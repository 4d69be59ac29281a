package flowcache

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// leastBits is how many bits a mask has at least: input port and recirculation id, which always count.
const leastBits = 64

// Whole returns the flow that all packets from a port are of when they are looked up for the first time, whatever
// is in them: its rules, then, look at the port alone. 0: there is none, packets have to be looked up. As no two
// flows are for the same packet, the port has no other flow for such packets.
func (r *Reader) Whole(port uint32) Slot {
	if port >= maxPorts {
		return 0
	}
	return Slot(r.m.whole[port].Load())
}

// putWhole notes the flow in slot s if it is that of all packets from port.
func (m *Megaflow) putWhole(port uint32, s Slot) {
	e := &m.entries[s]
	if m.maskInfo[e.mask].bits == leastBits && binary.BigEndian.Uint32(e.base[flow.OffRecirc:]) == 0 {
		m.whole[port].Store(uint32(s))
	}
}

// dropWhole takes back what putWhole noted.
func (m *Megaflow) dropWhole(s Slot) {
	port := portOf(&m.entries[s].base)
	if Slot(m.whole[port].Load()) == s {
		m.whole[port].Store(0)
	}
}

package driver

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// Position returns where a device goes on that is told nothing else: behind the last chain that was given back, reaped
// or not, in the encoding of VHOST_USER_SET_VRING_BASE: the next available entry.
func (q *Split) Position() uint32 { return q.usedWord.Load() >> 16 }

// Position returns where a device goes on that is told nothing else: at the first descriptor of the oldest chain that
// was not given back, reaped or not, in the encoding of VHOST_USER_SET_VRING_BASE: the same for the next available
// descriptor and, shifted by 16, the next used one.
func (q *Packed) Position() uint32 {
	at, i, last := q.next, q.freeTail, q.upto
	for left := q.Pending(); left > 0; left-- {
		if last < 0 {
			rest := q.guard[at.At].Rest.Load()
			if uint16(rest>>48)&layout.PhaseMask != at.Used() {
				break
			}
			last = int(layout.Desc{Rest: rest}.PackedID())
		}
		id := last
		if q.order { // all chains up to the one named
			id = int(q.ids[i&q.mask])
			i++
		}
		if id >= int(q.size) {
			break // a device that lies is found by Reap
		}
		at = at.Plus(uint32(q.chains[id].slots), q.size)
		if id == last {
			last = -1
		}
	}
	v := uint32(at.Encode())
	return v<<16 | v
}

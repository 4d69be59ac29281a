package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// find returns where the device before this one stopped. ok is false when the ring does not tell: it was killed within a
// batch, or left what only this package leaves, see cover.
//
// A device leaves FlagUsed equal to the wrap counter behind it, and a driver that makes the descriptor available
// again keeps it so; ahead of the device it is the other value (VIRTIO 1.2, 2.8.1). So it changes once on the way
// around the ring, where the device was; or never, at the ring's end. To go on in a wrong place would send packets twice,
// and give back what the driver has: so all else in the ring has to agree with it.
func (q *Packed) find() (at layout.Cursor, ok bool) {
	used := func(i uint32) bool { return uint16(q.guard[i].Rest.Load()>>48)&layout.FlagUsed != 0 }
	at, behind := layout.StartCursor, used(0)
	if behind {
		at.Phase = layout.FlagUsed // unless it changes
	}
	for i := uint32(1); i < q.size; i++ {
		if used(i) != behind {
			at = layout.Cursor{At: i, Phase: at.Phase ^ layout.PhaseMask}
			break
		}
	}
	return at, q.agrees(at)
}

// agrees reports whether every descriptor is what it is when the device is at at: from there on first those that are
// available, as far as the driver has come, then those that were used the last time around, or never.
func (q *Packed) agrees(at layout.Cursor) bool {
	available := true
	for range q.size {
		switch uint16(q.guard[at.At].Rest.Load()>>48) & layout.PhaseMask {
		case at.Phase:
			if !available {
				return false
			}
		case at.Used() ^ layout.PhaseMask:
			available = false
		default:
			return false
		}
		at = at.Plus(1, q.size)
	}
	return true
}

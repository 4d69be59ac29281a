package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// find returns where the device before this one stopped, as far as the ring tells: q.given when it tells nothing.
//
// A device leaves FlagUsed equal to the wrap counter behind it, and a driver that makes the descriptor available
// again keeps it so; ahead of the device it is the other value (VIRTIO 1.2, 2.8.1). So it changes once on the way
// around the ring, where the device was. Descriptors of a chain but the first, which the device passes over, break
// the pattern: then nothing is told. Neither is it of a ring that was just set up, where nothing has FlagUsed.
func (q *Packed) find() layout.Cursor {
	used := func(i uint32) bool { return uint16(q.guard[i].Rest.Load()>>48)&layout.FlagUsed != 0 }
	behind := used(0)
	at := uint32(0)
	for at < q.size && used(at) == behind {
		at++
	}
	for i := at; i < q.size; i++ {
		if used(i) == behind {
			return q.given
		}
	}
	switch {
	case at == q.size && !behind:
		return q.given
	case at == q.size: // all behind a device that has gone around once
		return layout.Cursor{Phase: layout.FlagUsed}
	case behind:
		return layout.Cursor{At: at, Phase: layout.FlagAvail}
	}
	return layout.Cursor{At: at, Phase: layout.FlagUsed}
}

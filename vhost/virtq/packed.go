package virtq

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A Packed is the device's half of a packed virtqueue (VIRTIO 1.2, 2.8): one ring of descriptors, written by
// both sides, and a word for each side that says when it wants to be told.
//
// Thread-safety: none. One goroutine at a time uses a queue; the guest on the other side may do anything.
type Packed struct {
	common
	desc  []layout.Desc
	guard []layout.Guarded // the same descriptors, for what passes them on
	size  uint32

	next   layout.Cursor // descriptor to take next
	given  layout.Cursor // where the next used descriptor goes
	shown  layout.Cursor // where given was at the last publish
	told   layout.Cursor // where shown was when the guest was last told, or needed not to be
	fresh  uint32        // descriptors published since then
	ahead  uint32        // descriptors from next on that are known to be available,
	known  int           // and how many chains these are
	first  uint64        // what the used descriptor at shown is to become, with given != shown
	flight *packedFlight // nil unless tracked across restarts

	driverEvent *atomic.Uint32 // the driver's wish
	deviceEvent *atomic.Uint32 // ours
	deviceGuest uint64         // guest-physical address of deviceEvent, for the log
}

// NewPacked opens a packed ring in the guest's memory t, which stays open until the queue has done with it. A
// guest's mistakes come back as an *Error.
//
// Nothing in a packed ring says for certain where the device was: without an inflight region it goes on at
// Config.Position, which the device that stopped before must have told the frontend. One that was killed could not;
// see Config.Unsure.
func NewPacked(t *mem.Table, c Config) (*Packed, error) {
	if c.Size < 1 || c.Size > MaxSize || !layout.LittleEndian {
		return nil, failed(BadSize, uint64(c.Size))
	}
	q := &Packed{size: uint32(c.Size), given: unpackPosition(c.Position)}
	if err := q.open(t, c); err != nil {
		return nil, err
	}
	if err := q.findParts(t, c); err != nil {
		return nil, err
	}
	if q.given.At >= q.size {
		return nil, failed(BadPosition, uint64(c.Position))
	}
	if c.Unsure && c.Inflight == nil && q.given == layout.StartCursor {
		at, ok := q.find()
		if !ok {
			return nil, failed(RingLost, uint64(at.At))
		}
		q.given = at
	}
	q.next = q.given
	if c.Inflight != nil {
		if err := q.resume(c.Inflight); err != nil {
			return nil, err
		}
	}
	q.shown, q.told = q.given, q.given
	return q, nil
}

// unpackPosition returns where a device goes on: at the next used descriptor, in the upper half of position. A
// frontend that knows only about the next available one leaves it empty; they are the same when nothing is in
// flight.
func unpackPosition(position uint32) layout.Cursor {
	if used := uint16(position >> 16); used != 0 {
		return layout.DecodeCursor(used)
	}
	return layout.DecodeCursor(uint16(position))
}

// findParts finds the ring's parts. VIRTIO 1.2, 2.8.10.1: alignment and size of the three.
func (q *Packed) findParts(t *mem.Table, c Config) error {
	ring, guest, err := q.part(t, c.Desc, layout.DescBytes*c.Size, 16, mem.Read|mem.Write)
	if err != nil {
		return err
	}
	q.ringLog = guest
	driver, _, err := q.part(t, c.Driver, 4, 4, mem.Read)
	if err != nil {
		return err
	}
	device, guest, err := q.part(t, c.Device, 4, 4, mem.Read|mem.Write)
	if err != nil {
		return err
	}
	var ok [2]bool
	q.desc, ok[0] = layout.View[layout.Desc](ring, c.Size)
	q.guard, ok[1] = layout.View[layout.Guarded](ring, c.Size)
	if ok != [2]bool{true, true} {
		return failed(RingMisaligned, c.Desc)
	}
	q.driverEvent, _ = layout.Word(driver, 0)
	q.deviceEvent, _ = layout.Word(device, 0)
	q.deviceGuest = guest
	return nil
}

// Position returns where to go on, for VHOST_USER_GET_VRING_BASE: the descriptor behind the last chain given
// back, with its wrap counter, in the lower half as the next to be taken and in the upper half as the next to be
// used. Publish first.
func (q *Packed) Position() uint32 {
	at := uint32(q.given.Encode())
	return at | at<<16
}

// lookAhead is how many descriptors one call of Available reads at most.
const lookAhead = 256

// Available returns how many chains wait to be taken, as far as it has looked: it reads the ring a bounded way
// ahead, each descriptor once.
func (q *Packed) Available() int {
	if q.err != nil {
		return 0
	}
	at := q.next.Plus(q.ahead, q.size)
	for range min(lookAhead, q.size-q.ahead) {
		flags := uint16(q.guard[at.At].Rest.Load() >> 48)
		if flags&layout.PhaseMask != at.Phase {
			break
		}
		if flags&layout.FlagNext == 0 {
			q.known++
		}
		q.ahead++
		at = at.Plus(1, q.size)
	}
	return q.old.left() + q.known
}

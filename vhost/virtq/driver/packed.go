package driver

import (
	"fmt"
	"sync/atomic"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A Packed is the driver's half of a packed virtqueue (VIRTIO 1.2, 2.8).
//
// Thread-safety: none. One goroutine at a time uses a queue; the device is on the other side.
type Packed struct {
	desc   []layout.Desc
	guard  []layout.Guarded // the same descriptors, for what passes them on
	size   uint32
	mask   uint16
	events bool // the event index is negotiated
	order  bool // the device keeps the order
	err    error
	tables tables

	chains []chain // by buffer id
	// Free ids wait in a ring, first in first out, from freeHead to freeTail. Behind freeTail, up to freeHead, are
	// those under way in the order they were added, as long as the device keeps it.
	ids      []uint16
	freeHead uint16 // next to take
	freeTail uint16 // where the next one returns to
	room     uint32 // free descriptors

	added layout.Cursor // descriptor to write next
	shown layout.Cursor // where added was at the last publish
	told  layout.Cursor // where shown was when the device was last told, or needed not to be
	fresh uint32        // descriptors published since then
	first uint64        // what the descriptor at shown is to become, with added != shown
	next  layout.Cursor // used descriptor to read next
	upto  int           // with order: id of the chain that ends a batch being reaped; -1: none is
	last  uint32        // and bytes written to that chain

	driverEvent *atomic.Uint32 // our wish
	deviceEvent *atomic.Uint32 // the device's
}

// NewPacked lays a packed ring out in memory, which it clears, and which is the device's as well from then on.
// The device does not ask for kicks and is not asked for calls at first; see Calls.
func NewPacked(memory []byte, c Config) (*Packed, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	l := PackedLayout(c)
	if len(memory) < l.Bytes {
		return nil, fmt.Errorf("ring of %d entries: wants %d bytes of memory, not %d", c.Size, l.Bytes, len(memory))
	}
	clear(memory[:l.Bytes])
	q := &Packed{
		size:   uint32(c.Size),
		mask:   uint16(c.Size - 1),
		events: c.EventIndex,
		order:  c.InOrder,
		tables: newTables(memory, c, l),
		chains: make([]chain, c.Size),
		ids:    make([]uint16, c.Size),
		room:   uint32(c.Size),
		added:  layout.StartCursor,
		shown:  layout.StartCursor,
		told:   layout.StartCursor,
		next:   layout.StartCursor,
		upto:   -1,
	}
	for i := range q.ids {
		q.ids[i] = uint16(i)
	}
	q.freeTail = uint16(c.Size)
	var ok [2]bool
	q.desc, ok[0] = layout.View[layout.Desc](memory, c.Size)
	q.guard, ok[1] = layout.View[layout.Guarded](memory, c.Size)
	if ok != [2]bool{true, true} {
		return nil, fmt.Errorf("ring of %d entries: its memory is not aligned to 16 bytes", c.Size)
	}
	q.driverEvent, _ = layout.Word(memory, l.Driver)
	q.deviceEvent, _ = layout.Word(memory, l.Device)
	q.Calls(false)
	return q, nil
}

// Err returns what the device did wrong, or nil. After it nothing works until the ring is set up anew.
func (q *Packed) Err() error { return q.err }

// Free returns how many descriptors are free: a chain takes one for each buffer, or one for all when they go
// into an indirect table.
func (q *Packed) Free() int { return int(q.room) }

// Pending returns how many chains the device has, published or not.
func (q *Packed) Pending() int { return len(q.ids) - int(q.freeTail-q.freeHead) }

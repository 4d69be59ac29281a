package driver

import (
	"fmt"
	"sync/atomic"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A Split is the driver's half of a split virtqueue (VIRTIO 1.2, 2.7).
//
// Thread-safety: none. One goroutine at a time uses a queue; the device is on the other side.
type Split struct {
	desc   []layout.Desc
	avail  []uint16
	used   []layout.Used
	mask   uint16 // entries - 1
	events bool   // the event index is negotiated
	order  bool   // the device keeps the order
	err    error
	tables tables

	chains []chain  // by head descriptor
	links  []uint16 // by descriptor: the next one of its chain
	// Free descriptors wait in a ring, first in first out: a device that keeps the order then sees heads in
	// the order of the ring, so that entries of the available ring keep their values, and VIRTIO_F_IN_ORDER's
	// rule for descriptors (2.7.5.2) holds by itself.
	free     []uint16
	freeHead uint16 // next to take
	freeTail uint16 // where the next one returns to

	added uint16 // available entry to write next
	shown uint16 // avail.idx as the device sees it
	told  uint16 // avail.idx when the device was last told, or needed not to be
	next  uint16 // used entry to read next
	seen  uint16 // used.idx as last read
	upto  int    // chain that a batch which is not all reaped ends with; -1: there is none
	last  uint32 // bytes written to that chain
	flags uint16 // avail.flags

	availWord  *atomic.Uint32 // avail.flags and avail.idx
	usedWord   *atomic.Uint32 // used.flags and used.idx
	usedEvent  layout.Half    // avail.used_event
	availEvent layout.Half    // used.avail_event
}

// A chain is what the driver knows of a chain under way.
type chain struct {
	cookie   uint32
	writable uint32 // bytes
	slots    uint16 // descriptors it takes up in the ring; 0: not under way
}

// NewSplit lays a split ring out in memory, which it clears, and which is the device's as well from then on. The
// device does not ask for kicks and is not asked for calls at first; see Calls.
func NewSplit(memory []byte, c Config) (*Split, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	l := SplitLayout(c)
	if len(memory) < l.Bytes {
		return nil, fmt.Errorf("ring of %d entries: wants %d bytes of memory, not %d", c.Size, l.Bytes, len(memory))
	}
	clear(memory[:l.Bytes])
	q := &Split{
		mask:   uint16(c.Size - 1),
		upto:   -1,
		events: c.EventIndex,
		order:  c.InOrder,
		chains: make([]chain, c.Size),
		links:  make([]uint16, c.Size),
		free:   make([]uint16, c.Size),
		tables: newTables(memory, c, l),
	}
	for i := range q.free {
		q.free[i] = uint16(i)
	}
	q.freeTail = uint16(c.Size)
	var ok [3]bool
	q.desc, ok[0] = layout.View[layout.Desc](memory, c.Size)
	q.avail, ok[1] = layout.View[uint16](memory[l.Driver+4:], c.Size)
	q.used, ok[2] = layout.View[layout.Used](memory[l.Device+4:], c.Size)
	if ok != [3]bool{true, true, true} {
		return nil, fmt.Errorf("ring of %d entries: its memory is not aligned to 16 bytes", c.Size)
	}
	q.availWord, _ = layout.Word(memory, l.Driver)
	q.usedWord, _ = layout.Word(memory, l.Device)
	q.usedEvent = layout.HalfAt(memory, l.Driver+4+2*c.Size)
	q.availEvent = layout.HalfAt(memory, l.Device+4+8*c.Size)
	q.Calls(false)
	return q, nil
}

// Err returns what the device did wrong, or nil. After it nothing works until the ring is set up anew.
func (q *Split) Err() error { return q.err }

// Free returns how many descriptors are free: a chain takes one for each buffer, or one for all when they go
// into an indirect table.
func (q *Split) Free() int { return int(q.freeTail - q.freeHead) }

// Pending returns how many chains the device has, published or not.
func (q *Split) Pending() int { return int(q.added - q.next) }

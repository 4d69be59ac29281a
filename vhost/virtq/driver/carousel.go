package driver

import (
	"fmt"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A Carousel is the driver's half of a virtqueue of either layout whose entries never change: each has one buffer of its own, the
// same for as long as the ring lasts, and they go round in order, driver to device and back, which takes VIRTIO_F_IN_ORDER. Nothing is
// allocated, freed or named then, and hardly anything is written: it is the least that a driver can do, for generators of load.
//
//	at, n := q.Free()      // entries at, at+1, … round the ring are the driver's
//	q.SetLen(at, bytes)    // of a buffer that the device is to read
//	q.Give(n)              // the device's, all at once
//	if q.Kick() { … }      // the device wants to be told
//	at, n = q.Take(64)     // entries that came back, to be looked at before they are given again
//	bytes := q.Written(at)
//
// What the device writes is checked as far as anything depends on it: one that gives back more than it has, or writes more than a
// buffer has, breaks the queue (Err).
//
// Thread-safety: none. One goroutine at a time uses a queue; the device is on the other side.
type Carousel struct {
	ring    carousel
	size    uint32
	write   bool     // the device writes to buffers, else it reads them
	buffers []Buffer // by entry, with the bytes that are to be read or may be written
	written []uint32 // by entry: bytes
	given   uint32   // entries that the device was ever given, modulo 2³²
	back    uint32   // those of them that came back
	told    uint32   // given, when the device was last told or needed not to be
	err     error
}

// carousel is what differs between layouts. Entries are counted as given and back are.
type carousel interface {
	// give makes entries from up to to the device's.
	give(q *Carousel, from, to uint32)
	// take returns how many came back, at most n, and notes what was written to them.
	take(q *Carousel, n uint32) uint32
	// asked reports whether the device wants to be told of new entries.
	asked() bool
}

// NewCarousel lays a ring out in memory, as [NewSplit] and [NewPacked] do. There is a buffer for each entry; all are the driver's at first.
// c.InOrder must have been negotiated, indirect tables and the event index must not. The device is not asked for calls.
func NewCarousel(packed bool, memory []byte, c Config, buffers []Buffer, write bool) (*Carousel, error) {
	if !c.InOrder || c.EventIndex || c.Table != 0 {
		return nil, fmt.Errorf("ring of entries that go round: want VIRTIO_F_IN_ORDER and neither VIRTIO_F_EVENT_IDX nor indirect tables, not %+v", c)
	}
	if len(buffers) != c.Size {
		return nil, fmt.Errorf("ring of %d entries that go round: %d buffers", c.Size, len(buffers))
	}
	q := &Carousel{size: uint32(c.Size), write: write, buffers: buffers, written: make([]uint32, c.Size)}
	if packed {
		r, err := NewPacked(memory, c)
		if err != nil {
			return nil, err
		}
		q.ring = &packedCarousel{desc: r.desc, guard: r.guard, deviceEvent: r.deviceEvent}
	} else {
		r, err := NewSplit(memory, c)
		if err != nil {
			return nil, err
		}
		for i, b := range buffers {
			r.desc[i] = layout.SplitDesc(b.Addr, b.Len, q.flags(), 0)
			r.avail[i] = uint16(i)
		}
		q.ring = &splitCarousel{desc: r.desc, used: r.used, availWord: r.availWord, usedWord: r.usedWord}
	}
	return q, nil
}

// flags are those of the ring's descriptors.
func (q *Carousel) flags() uint16 {
	if q.write {
		return layout.FlagWrite
	}
	return 0
}

// Size returns how many entries the ring has.
func (q *Carousel) Size() int { return int(q.size) }

// Err returns what the device did wrong, or nil. After it nothing works.
func (q *Carousel) Err() error { return q.err }

// Free returns the first of the entries that are the driver's, and how many there are.
func (q *Carousel) Free() (at, n int) {
	if q.err != nil {
		return 0, 0
	}
	return int(q.given & (q.size - 1)), int(q.size - (q.given - q.back))
}

// SetLen says how many bytes of entry at's buffer the device is to read, or may write. The entry is the driver's.
func (q *Carousel) SetLen(at, bytes int) { q.buffers[at].Len = uint32(bytes) }

// Give gives the device the next n entries; that many are the driver's.
func (q *Carousel) Give(n int) {
	if n == 0 || q.err != nil {
		return
	}
	q.ring.give(q, q.given, q.given+uint32(n))
	q.given += uint32(n)
}

// Kick reports whether the device wants to be told of what it was given since the last call.
func (q *Carousel) Kick() bool {
	if q.told == q.given {
		return false
	}
	q.told = q.given
	return q.ring.asked()
}

// Take takes back entries with which the device has done, and returns the first of them and how many there are: at most most, but for entries that the
// device has read and gives back together, which come together.
func (q *Carousel) Take(most int) (at, n int) {
	if q.err != nil {
		return 0, 0
	}
	at = int(q.back & (q.size - 1))
	taken := q.ring.take(q, uint32(most))
	q.back += taken
	return at, int(taken)
}

// Written returns how many bytes the device says it has written to entry at's buffer, which came back: at most those it has.
func (q *Carousel) Written(at int) int { return int(q.written[at]) }

// note keeps what was written to an entry, and reports whether that can be.
func (q *Carousel) note(at, bytes uint32) bool {
	if bytes > q.buffers[at].Len {
		q.err = fmt.Errorf("the device says it has written %d bytes to a buffer of %d", bytes, q.buffers[at].Len)
		return false
	}
	q.written[at] = bytes
	return true
}

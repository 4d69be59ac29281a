package virtq

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A packedFlight is a packed ring's region of the memory that says which chains are in flight. A used descriptor
// may take an available one's place while other chains are in flight, so the region has copies of the descriptors:
// a chain is a list of entries, and what is no chain's is on the list of free ones.
//
// What is in the region counts when a ring is set up. From then on it is only written to, in the specification's
// order, so that a process that is killed between any two stores leaves something that makes sense; what has to
// be read again is kept here as well, where no guest reaches it.
type packedFlight struct {
	head    []byte // the region's header
	entries []layout.PackedFlight
	links   []uint16 // by entry: the next one; the number of entries ends a list
	last    []uint16 // by a chain's first entry: its last one
	number  []uint16 // by a chain's first entry: how many it has
	free    uint16   // first free entry
	counter uint64   // of the next chain
	batch   []uint16 // chains given since the last publish

	noted int    // the chain being taken: entries so far,
	at    uint16 // and where the next one goes
}

// Where fields are in the header, in bytes; see InflightBytes.
const (
	flightVersion     = 8
	flightEntries     = 10
	flightFree        = 12
	flightOldFree     = 14
	flightUsed        = 16
	flightOldUsed     = 18
	flightUsedWrap    = 20
	flightOldUsedWrap = 21
)

func (f *packedFlight) size() int { return len(f.links) }

// begin starts a chain.
func (f *packedFlight) begin() { f.noted, f.at = 0, f.free }

// add copies a descriptor of the chain; false when no entry is free, which is when the guest has more
// descriptors under way than the ring has.
func (f *packedFlight) add(d layout.Desc) bool {
	if int(f.at) >= f.size() {
		return false
	}
	e := &f.entries[f.at]
	e.ID, e.Flags, e.Len, e.Addr = d.PackedID(), d.PackedFlags(), d.Len(), d.Addr
	f.last[f.free] = f.at
	f.at = f.links[f.at]
	f.noted++
	return true
}

// take notes that the chain is in flight and returns its first entry.
func (f *packedFlight) take() uint16 {
	first := f.free
	f.number[first] = uint16(f.noted)
	e := &f.entries[first]
	e.Last, e.Number, e.Counter = f.last[first], f.number[first], f.counter
	f.counter++
	e.InFlight = 1
	f.setFree(f.at)
	copy(f.head[flightOldFree:], f.head[flightFree:][:2])
	return first
}

// takeOne notes that a chain of one descriptor is in flight and returns its entry; false when none is free.
func (f *packedFlight) takeOne(d layout.Desc) (uint16, bool) {
	f.begin()
	if !f.add(d) {
		return 0, false
	}
	return f.take(), true
}

// untake notes that the chain that begins at entry first is not in flight after all.
func (f *packedFlight) untake(first uint16) {
	f.release(first)
	f.entries[first].InFlight = 0
	copy(f.head[flightOldFree:], f.head[flightFree:][:2])
}

// give notes that a chain is part of the batch that is published next.
func (f *packedFlight) give(first uint16) {
	f.release(first)
	f.batch = append(f.batch, first)
}

// release puts a chain's entries in front of the free ones.
func (f *packedFlight) release(first uint16) {
	last := f.last[first]
	f.links[last] = f.free
	f.entries[last].Next = f.free
	f.setFree(first)
}

func (f *packedFlight) setFree(first uint16) {
	f.free = first
	binary.NativeEndian.PutUint16(f.head[flightFree:], first)
}

// publish notes where the next used descriptor goes once the guest sees the batch.
func (f *packedFlight) publish(given layout.Cursor) {
	binary.NativeEndian.PutUint16(f.head[flightUsed:], uint16(given.At))
	f.head[flightUsedWrap] = byte(given.Encode() >> 15)
}

// published notes that the guest sees the batch.
func (f *packedFlight) published() {
	for _, first := range f.batch {
		f.entries[first].InFlight = 0
	}
	f.batch = f.batch[:0]
	f.commit()
}

// commit makes what is new in the header what is old.
func (f *packedFlight) commit() {
	copy(f.head[flightOldFree:], f.head[flightFree:][:2])
	copy(f.head[flightOldUsed:], f.head[flightUsed:][:2])
	f.head[flightOldUsedWrap] = f.head[flightUsedWrap]
}

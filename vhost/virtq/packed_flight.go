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
	entries []byte
	links   []uint16 // by entry: the next one; the number of entries ends a list
	last    []uint16 // by a chain's first entry: its last one
	number  []uint16 // by a chain's first entry: how many it has
	free    uint16   // first free entry
	counter uint64   // of the next chain
	batch   []uint16 // chains given since the last publish

	noted int    // the chain being taken: entries so far,
	at    uint16 // and where the next one goes
}

// Where fields are in the header and in an entry, in bytes; see InflightBytes.
const (
	flightVersion     = 8
	flightEntries     = 10
	flightFree        = 12
	flightOldFree     = 14
	flightUsed        = 16
	flightOldUsed     = 18
	flightUsedWrap    = 20
	flightOldUsedWrap = 21

	entryInflight = 0
	entryNext     = 2
	entryLast     = 4
	entryNumber   = 6
	entryCounter  = 8
	entryRest     = 16 // id 16, flags 16, length 32
	entryAddr     = 24
)

func (f *packedFlight) entry(i uint16) *[packedFlightEntry]byte {
	return (*[packedFlightEntry]byte)(f.entries[int(i)*packedFlightEntry:])
}

func (f *packedFlight) size() int { return len(f.links) }

// begin starts a chain.
func (f *packedFlight) begin() { f.noted, f.at = 0, f.free }

// add copies a descriptor of the chain; false when no entry is free, which is when the guest has more
// descriptors under way than the ring has.
func (f *packedFlight) add(d layout.Desc) bool {
	if int(f.at) >= f.size() {
		return false
	}
	e := f.entry(f.at)
	binary.NativeEndian.PutUint16(e[entryRest:], d.PackedID())
	binary.NativeEndian.PutUint16(e[entryRest+2:], d.PackedFlags())
	binary.NativeEndian.PutUint32(e[entryRest+4:], d.Len())
	binary.NativeEndian.PutUint64(e[entryAddr:], d.Addr)
	f.last[f.free] = f.at
	f.at = f.links[f.at]
	f.noted++
	return true
}

// take notes that the chain is in flight and returns its first entry.
func (f *packedFlight) take() uint16 {
	first := f.free
	f.number[first] = uint16(f.noted)
	e := f.entry(first)
	binary.NativeEndian.PutUint16(e[entryLast:], f.last[first])
	binary.NativeEndian.PutUint16(e[entryNumber:], f.number[first])
	binary.NativeEndian.PutUint64(e[entryCounter:], f.counter)
	f.counter++
	e[entryInflight] = 1
	f.setFree(f.at)
	copy(f.head[flightOldFree:], f.head[flightFree:][:2])
	return first
}

// untake notes that the chain that begins at entry first is not in flight after all.
func (f *packedFlight) untake(first uint16) {
	f.release(first)
	f.entry(first)[entryInflight] = 0
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
	binary.NativeEndian.PutUint16(f.entry(last)[entryNext:], f.free)
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
		f.entry(first)[entryInflight] = 0
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

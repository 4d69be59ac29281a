package virtq

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// A splitFlight is a split ring's region of the memory that says which chains are in flight. What is in it counts
// when a ring is set up; from then on it is only written to, in the specification's order, so that a process that
// is killed between any two stores leaves something that makes sense.
type splitFlight struct {
	head    []byte   // the region's header
	entries []byte   // by head descriptor
	counter uint64   // of the next chain
	batch   []uint16 // heads given since the last publish
}

// openSplitFlight opens the region of a ring with so many entries.
func openSplitFlight(region []byte, size int) (*splitFlight, error) {
	if len(region) < InflightBytes(false, size) {
		return nil, failed(BadInflight, uint64(len(region)))
	}
	f := &splitFlight{
		head:    region[:splitFlightHeader],
		entries: region[splitFlightHeader:][:splitFlightEntry*size],
		batch:   make([]uint16, 0, size),
	}
	version, entries := binary.NativeEndian.Uint16(f.head[8:]), binary.NativeEndian.Uint16(f.head[10:])
	switch {
	case version == 0:
		clear(f.head)
		clear(f.entries)
		binary.NativeEndian.PutUint16(f.head[10:], uint16(size))
	case version != inflightVersion || int(entries) != size:
		return nil, failed(BadInflight, uint64(version)<<16|uint64(entries))
	}
	return f, nil
}

func (f *splitFlight) entry(head uint16) *[splitFlightEntry]byte {
	return (*[splitFlightEntry]byte)(f.entries[int(head)*splitFlightEntry:])
}

// resume returns the chains that are in flight, in the order they were taken, for a ring whose used index is
// used.
func (f *splitFlight) resume(used uint16) []uint16 {
	size := len(f.entries) / splitFlightEntry
	// A batch whose entries the guest may have seen without this region being told: it was given back.
	if version := binary.NativeEndian.Uint16(f.head[8:]); version != 0 {
		at := binary.NativeEndian.Uint16(f.head[12:])
		for range min(int(used-binary.NativeEndian.Uint16(f.head[14:])), size) {
			if int(at) >= size {
				break
			}
			e := f.entry(at)
			e[0] = 0
			at = binary.NativeEndian.Uint16(e[6:])
		}
	}
	binary.NativeEndian.PutUint16(f.head[14:], used)
	binary.NativeEndian.PutUint16(f.head[8:], inflightVersion)
	var heads []uint16
	for head := range size {
		if e := f.entry(uint16(head)); e[0] != 0 {
			heads = append(heads, uint16(head))
			f.counter = max(f.counter, f.count(uint16(head))+1)
		}
	}
	slices.SortFunc(heads, func(a, b uint16) int { return cmp.Compare(f.count(a), f.count(b)) })
	return heads
}

func (f *splitFlight) count(head uint16) uint64 { return binary.NativeEndian.Uint64(f.entry(head)[8:]) }

// take notes that a chain is in flight.
func (f *splitFlight) take(head uint16) {
	e := f.entry(head)
	binary.NativeEndian.PutUint64(e[8:], f.counter)
	f.counter++
	e[0] = 1
}

// untake notes that a chain is not in flight after all.
func (f *splitFlight) untake(head uint16) { f.entry(head)[0] = 0 }

// give notes that a chain is part of the batch that is published next.
func (f *splitFlight) give(head uint16) {
	copy(f.entry(head)[6:8], f.head[12:14])
	binary.NativeEndian.PutUint16(f.head[12:], head)
	f.batch = append(f.batch, head)
}

// published notes that the guest sees the batch, up to the used index used.
func (f *splitFlight) published(used uint16) {
	for _, head := range f.batch {
		f.entry(head)[0] = 0
	}
	f.batch = f.batch[:0]
	binary.NativeEndian.PutUint16(f.head[14:], used)
}

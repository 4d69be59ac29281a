package virtq

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A splitFlight is a split ring's region of the memory that says which chains are in flight. What is in it counts
// when a ring is set up; from then on it is only written to, in the specification's order, so that a process that
// is killed between any two stores leaves something that makes sense.
type splitFlight struct {
	head    []byte               // the region's header
	entries []layout.SplitFlight // by head descriptor
	counter uint64               // of the next chain
	batch   []uint16             // heads given since the last publish
}

// openSplitFlight opens the region of a ring with so many entries.
func openSplitFlight(region []byte, size int) (*splitFlight, error) {
	if len(region) < InflightBytes(false, size) {
		return nil, failed(BadInflight, uint64(len(region)))
	}
	f := &splitFlight{head: region[:splitFlightHeader], batch: make([]uint16, 0, size)}
	var ok bool
	if f.entries, ok = layout.View[layout.SplitFlight](region[splitFlightHeader:], size); !ok {
		return nil, failed(BadInflight, uint64(len(region)))
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

// resume returns the chains that are in flight, in the order they were taken, for a ring whose used index is
// used.
func (f *splitFlight) resume(used uint16) []uint16 {
	size := len(f.entries)
	// A batch whose entries the guest may have seen without this region being told: it was given back.
	if version := binary.NativeEndian.Uint16(f.head[8:]); version != 0 {
		at := binary.NativeEndian.Uint16(f.head[12:])
		for range min(int(used-binary.NativeEndian.Uint16(f.head[14:])), size) {
			if int(at) >= size {
				break
			}
			f.entries[at].InFlight = 0
			at = f.entries[at].Next
		}
	}
	binary.NativeEndian.PutUint16(f.head[14:], used)
	binary.NativeEndian.PutUint16(f.head[8:], inflightVersion)
	var heads []uint16
	for head := range f.entries {
		if e := &f.entries[head]; e.InFlight != 0 {
			heads = append(heads, uint16(head))
			f.counter = max(f.counter, e.Counter+1)
		}
	}
	slices.SortFunc(heads, func(a, b uint16) int { return cmp.Compare(f.entries[a].Counter, f.entries[b].Counter) })
	return heads
}

// take notes that chains are in flight.
func (f *splitFlight) take(chains []Chain) {
	for i := range chains {
		e := &f.entries[chains[i].id()]
		e.Counter = f.counter
		f.counter++
		e.InFlight = 1
	}
}

// untake notes that chains are not in flight after all.
func (f *splitFlight) untake(chains []Chain) {
	for i := range chains {
		f.entries[chains[i].id()].InFlight = 0
	}
}

// give notes that chains are part of the batch that is published next.
func (f *splitFlight) give(chains []Chain) {
	last := binary.NativeEndian.Uint16(f.head[12:])
	for i := range chains {
		head := chains[i].id()
		f.entries[head].Next = last
		last = head
		binary.NativeEndian.PutUint16(f.head[12:], last)
		f.batch = append(f.batch, head)
	}
}

// published notes that the guest sees the batch, up to the used index used.
func (f *splitFlight) published(used uint16) {
	for _, head := range f.batch {
		f.entries[head].InFlight = 0
	}
	f.batch = f.batch[:0]
	binary.NativeEndian.PutUint16(f.head[14:], used)
}

package virtq

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A splitFlight is a split ring's region of the memory that says which chains are in flight. What is in it counts
// when a ring is set up; from then on it is only written to, in the specification's order, so that a process that
// is killed between any two stores leaves something that makes sense; see packedFlight.
type splitFlight struct {
	head    []byte               // the region's header
	entries []layout.SplitFlight // by head descriptor
	counter uint64               // of the next chain
	batch   []uint16             // heads given since the last publish
	last    uint16               // head given last before those
}

// Where fields are in the header, in bytes; see InflightBytes. Version and entries are where a packed ring has them.
const (
	flightLastBatch = 12
	flightUsedIndex = 14
)

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
	version, entries := binary.NativeEndian.Uint16(f.head[flightVersion:]), binary.NativeEndian.Uint16(f.head[flightEntries:])
	switch {
	case version == 0:
		clear(f.head)
		clear(f.entries)
		binary.NativeEndian.PutUint16(f.head[flightEntries:], uint16(size))
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
	if version := binary.NativeEndian.Uint16(f.head[flightVersion:]); version != 0 {
		at := binary.NativeEndian.Uint16(f.head[flightLastBatch:])
		for range min(int(used-binary.NativeEndian.Uint16(f.head[flightUsedIndex:])), size) {
			if int(at) >= size {
				break
			}
			e := &f.entries[at]
			at = e.Next()
			e.State = layout.SplitState(false, at)
		}
	}
	binary.NativeEndian.PutUint16(f.head[flightUsedIndex:], used)
	binary.NativeEndian.PutUint16(f.head[flightVersion:], inflightVersion)
	var heads []uint16
	for head := range f.entries {
		if e := &f.entries[head]; e.InFlight() {
			heads = append(heads, uint16(head))
			f.counter = max(f.counter, e.Counter+1)
		}
	}
	slices.SortFunc(heads, func(a, b uint16) int { return cmp.Compare(f.entries[a].Counter, f.entries[b].Counter) })
	return heads
}

// take notes that chains are in flight.
func (f *splitFlight) take(chains []Chain) {
	counter := f.counter
	for i := range chains {
		e := &f.entries[chains[i].id()]
		e.Counter = counter
		e.State = layout.SplitState(true, 0)
		counter++
	}
	f.counter = counter
}

// untake notes that chains are not in flight after all, the last one first: what is in flight never has a gap.
func (f *splitFlight) untake(chains []Chain) {
	for i := len(chains) - 1; i >= 0; i-- {
		f.entries[chains[i].id()].State = layout.SplitState(false, 0)
	}
}

// give notes that chains are part of the batch that is published next. Nothing of it is in the region before.
func (f *splitFlight) give(chains []Chain) {
	for i := range chains {
		f.batch = append(f.batch, chains[i].id())
	}
}

// publish makes the batch a list, which goes on with the one before.
func (f *splitFlight) publish() {
	binary.NativeEndian.PutUint16(f.head[flightLastBatch:], f.list(true))
}

// published notes that the guest sees the batch, up to the used index used. The list stays as long as the used index in the
// region is not that one.
func (f *splitFlight) published(used uint16) {
	f.last = f.list(false)
	f.batch = f.batch[:0]
	binary.NativeEndian.PutUint16(f.head[flightUsedIndex:], used)
}

// list writes the batch's chains, each with the one before, and returns the last.
func (f *splitFlight) list(inFlight bool) (last uint16) {
	last = f.last
	for _, head := range f.batch {
		f.entries[head].State = layout.SplitState(inFlight, last)
		last = head
	}
	return last
}

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
// be read again is kept here as well, where no guest reaches it. Killing ends a process between two instructions, so
// the order of the program is what counts and stores need not be atomic.
//
// The header, which decides, is written once for all chains of a Take and once for all that are published together.
// Entries are taken from the front of the free list and go back there in the same order, so that most of their links
// are right already.
type packedFlight struct {
	head    []byte // the region's header
	entries []layout.PackedFlight
	links   []uint16      // by entry: the next one; the number of entries ends a list
	last    []uint16      // by the first entry of a chain of several: its last one
	number  []uint16      // by a chain's first entry, of those that were in flight before: how many it has
	free    uint16        // first free entry, as the header has it
	at      uint16        // first one behind those that the Take under way has
	counter uint64        // of the next chain
	batch   []flightChain // given since the last publish
}

// A flightChain is a chain by its first and its last entry.
type flightChain struct{ first, last uint16 }

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

// has reports whether one entry is free, or two are. None is when the guest has more descriptors under way than the ring has.
func (f *packedFlight) has(two bool) bool {
	return int(f.at) < f.size() && (!two || int(f.links[f.at]) < f.size())
}

// one notes a chain of one descriptor in the entry at, which is free, and returns the next free one.
func (f *packedFlight) one(at uint16, d layout.Desc) (next uint16) {
	next = f.links[at]
	e := &f.entries[at]
	e.Note(d)
	e.Counter = f.counter
	e.State = layout.PackedState(true, next, at, 1)
	f.counter++
	return next
}

// add copies a descriptor of a chain of several, of which there is an entry; take follows.
func (f *packedFlight) add(d layout.Desc) {
	f.entries[f.at].Note(d)
	f.at = f.links[f.at]
}

// take notes that the chain from entry first on is in flight, of which number descriptors were added.
func (f *packedFlight) take(first, number uint16) {
	last := first
	for range number - 1 {
		last = f.links[last]
	}
	f.last[first] = last
	e := &f.entries[first]
	e.Counter = f.counter
	e.State = layout.PackedState(true, f.links[first], last, number)
	f.counter++
}

// two notes a chain of two descriptors, of which there are entries, and returns its first one.
func (f *packedFlight) two(x, y layout.Desc) (first uint16) {
	first = f.at
	f.add(x)
	f.add(y)
	f.take(first, 2)
	return first
}

// taken ends a Take: its chains' entries are not free any more, all at once.
func (f *packedFlight) taken() {
	if f.at != f.free {
		f.free = f.at
		f.putFree()
	}
}

// chain returns where the entries of a chain in hand are.
func (f *packedFlight) chain(c *Chain) flightChain {
	first := c.entry()
	if c.slots() == 1 {
		return flightChain{first, first}
	}
	return flightChain{first, f.last[first]}
}

// untake notes that chains are not in flight after all.
func (f *packedFlight) untake(chains []Chain) {
	if len(chains) == 0 {
		return
	}
	for i := len(chains) - 1; i >= 0; i-- {
		c := f.chain(&chains[i])
		f.link(c.last, f.at)
		f.at = c.first
	}
	f.taken()
	for i := range chains {
		f.clear(chains[i].entry())
	}
}

// give notes that chains are part of the batch that is published next. Nothing of it is in the region before.
func (f *packedFlight) give(chains []Chain) {
	for i := range chains {
		f.batch = append(f.batch, f.chain(&chains[i]))
	}
}

// link changes what comes behind an entry.
func (f *packedFlight) link(at, next uint16) {
	if f.links[at] != next {
		f.links[at] = next
		f.entries[at].Link(next)
	}
}

// clear notes that no chain in flight begins at an entry.
func (f *packedFlight) clear(first uint16) {
	f.entries[first].State = layout.PackedState(false, f.links[first], 0, 0)
}

// publish puts the batch in front of the free entries, and notes where the next used descriptor goes once the guest
// sees it.
func (f *packedFlight) publish(given layout.Cursor) {
	next := f.free
	for i := len(f.batch) - 1; i >= 0; i-- {
		f.link(f.batch[i].last, next)
		next = f.batch[i].first
	}
	f.free, f.at = next, next
	binary.NativeEndian.PutUint16(f.head[flightFree:], next)
	binary.NativeEndian.PutUint16(f.head[flightUsed:], uint16(given.At))
	f.head[flightUsedWrap] = byte(given.Encode() >> 15)
}

// published notes that the guest sees the batch, up to given.
func (f *packedFlight) published(given layout.Cursor) {
	for _, c := range f.batch {
		f.clear(c.first)
	}
	f.batch = f.batch[:0]
	f.putFree()
	f.putUsed(given)
}

// putFree writes the first free entry to the header, new and old, in one store.
func (f *packedFlight) putFree() {
	binary.NativeEndian.PutUint32(f.head[flightFree:], uint32(f.free)*(1|1<<16))
}

// putUsed writes where the next used descriptor goes to the header, new and old, in one store.
func (f *packedFlight) putUsed(given layout.Cursor) {
	at, wrap := uint64(given.At), uint64(given.Encode()>>15)
	binary.NativeEndian.PutUint64(f.head[flightUsed:], at*(1|1<<16)|wrap*(1<<32|1<<40))
}

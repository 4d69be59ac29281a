package virtq

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// resume finds out which chains were in flight and where the used descriptors end, and goes on behind them.
func (q *Packed) resume(region []byte) error {
	f := &packedFlight{}
	if !f.open(region, int(q.size)) {
		return failed(BadInflight, uint64(len(region)))
	}
	if binary.NativeEndian.Uint16(f.head[flightVersion:]) == 0 {
		f.format(q.given)
	}
	given, ok := f.settle(q.desc)
	if !ok {
		return failed(BadInflight, binary.NativeEndian.Uint64(f.head[flightUsed:]))
	}
	chains, slots, ok := f.inFlight()
	if !ok {
		return failed(BadInflight, uint64(slots))
	}
	q.flight, q.given, q.old.entries = f, given, chains
	q.next = given.Plus(slots, q.size)
	q.conceal(slots)
	return nil
}

// conceal takes back used descriptors that were written for a batch but not published, among the n that are in
// flight: the guest would find them behind the first one that is used now. What they were is in the region.
func (q *Packed) conceal(n uint32) {
	for at := q.given; n > 0; n-- {
		if flags := uint16(q.guard[at.At].Rest.Load() >> 48); flags&layout.PhaseMask == at.Used() {
			q.guard[at.At].Rest.Store(layout.PackedRest(0, 0, at.Phase))
			q.logUsed(layout.DescBytes*uint64(at.At), layout.DescBytes)
		}
		at = at.Plus(1, q.size)
	}
}

// open finds the parts of a region; false when it does not fit a ring with so many entries.
func (f *packedFlight) open(region []byte, size int) bool {
	if len(region) < InflightBytes(true, size) {
		return false
	}
	*f = packedFlight{
		head:   region[:packedFlightHeader],
		links:  make([]uint16, size),
		last:   make([]uint16, size),
		number: make([]uint16, size),
		batch:  make([]flightChain, 0, size),
	}
	var ok bool
	if f.entries, ok = layout.View[layout.PackedFlight](region[packedFlightHeader:], size); !ok {
		return false
	}
	version, entries := binary.NativeEndian.Uint16(f.head[flightVersion:]), binary.NativeEndian.Uint16(f.head[flightEntries:])
	return version == 0 || version == inflightVersion && int(entries) == size
}

// format makes a new region: nothing is in flight, used descriptors go on at given.
func (f *packedFlight) format(given layout.Cursor) {
	clear(f.head)
	clear(f.entries)
	for i := range f.entries {
		f.entries[i].Link(uint16(i + 1))
	}
	binary.NativeEndian.PutUint16(f.head[flightEntries:], uint16(f.size()))
	f.putUsed(given)
	binary.NativeEndian.PutUint16(f.head[flightVersion:], inflightVersion)
}

// settle decides about a batch whose publishing was under way: it counts if the guest can see it, which the
// descriptor tells that was to change hands first. It returns where the next used descriptor goes.
func (f *packedFlight) settle(ring []layout.Desc) (layout.Cursor, bool) {
	at := func(used, wrap int) layout.Cursor {
		return layout.DecodeCursor(binary.NativeEndian.Uint16(f.head[used:])&0x7fff | uint16(f.head[wrap]&1)<<15)
	}
	given, old := at(flightUsed, flightUsedWrap), at(flightOldUsed, flightOldUsedWrap)
	if int(given.At) >= f.size() || int(old.At) >= f.size() {
		return layout.Cursor{}, false
	}
	free := flightFree
	if given == old || ring[old.At].PackedFlags()&layout.PhaseMask == old.Phase {
		given, free = old, flightOldFree
	}
	f.free = binary.NativeEndian.Uint16(f.head[free:])
	f.at = f.free
	f.putFree()
	f.putUsed(given)
	return given, true
}

// inFlight reads the entries and returns the chains in flight, in the order in which they were taken, and how
// many descriptors they have. Lists that leave the region, or share an entry, are refused.
func (f *packedFlight) inFlight() (chains []uint16, slots uint32, ok bool) {
	seen := make([]bool, f.size())
	for i := range f.entries {
		e := &f.entries[i]
		f.links[i], f.number[i] = e.Next(), e.Number()
	}
	for at := f.free; int(at) < f.size(); at = f.links[at] {
		if seen[at] {
			return nil, 0, false
		}
		seen[at] = true
		f.clear(at)
	}
	for i := range f.links {
		first := uint16(i)
		if !f.entries[first].InFlight() {
			continue
		}
		at := first
		for n := range int(f.number[first]) {
			if n > 0 {
				at = f.links[at]
			}
			if int(at) >= f.size() || seen[at] {
				return nil, 0, false
			}
			seen[at] = true
			f.last[first] = at
			slots++
		}
		if f.number[first] > 0 {
			chains = append(chains, first)
			f.counter = max(f.counter, f.entries[first].Counter+1)
		}
	}
	slices.SortFunc(chains, func(a, b uint16) int { return cmp.Compare(f.entries[a].Counter, f.entries[b].Counter) })
	return chains, slots, true
}

// takeOld takes chains that were in flight before.
func (q *Packed) takeOld(b *Chains, limit int) {
	for limit = min(limit, q.old.left()); limit > 0; limit-- {
		if !q.chainOld(b, q.old.entries[q.old.next]) {
			return
		}
		q.old.next++
		q.old.taken++
	}
}

// chainOld takes the chain whose copy begins at entry first. It returns false when it was not taken: the queue
// is dead, b has no room left, or an address is not translated yet.
func (q *Packed) chainOld(b *Chains, first uint16) bool {
	c := b.build(&q.win, q.log != nil)
	n := q.flight.number[first]
	k, value, id := Kind(0), uint64(0), uint16(0)
	at := first
	for i := uint16(0); i < n && k == 0; i++ {
		d := q.flight.entries[at].Desc()
		if d.PackedFlags()&layout.FlagIndirect != 0 {
			k, value = q.walkTable(&c, d, n > 1)
		} else {
			k, value = c.add(d.Addr, d.Len(), d.PackedFlags()&layout.FlagWrite != 0)
		}
		id = d.PackedID()
		at = q.flight.links[at]
	}
	if k == 0 && uint32(id) >= q.size {
		k, value = IDRange, uint64(id)
	}
	if k == 0 {
		c.finish(id, n, first)
		return true
	}
	c.undo()
	if !q.absent(k) && (k != TooManySegments || b.n == 0) {
		q.fail(k, uint32(first), value)
	}
	return false
}

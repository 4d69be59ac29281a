package mem

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// A Table is a snapshot of a guest's memory. Close it when nobody uses it any more, which is when no queue can
// be at work on it.
//
// Thread-safety: immutable; any number of goroutines look things up. Close is for the last of them.
type Table struct {
	guest []area     // by guest-physical address
	user  []area     // by the frontend's address
	maps  []*Mapping // in the order they came
}

// An area is what a look-up needs of a mapping.
type area struct {
	base  uint64 // address of the first byte
	mem   []byte
	guest uint64 // its guest-physical address
}

// NewTable returns a snapshot of the mappings. It takes them over: they are unmapped with the last table that
// has them, or now when there is an error, which is when there are more than MaxRegions or any two overlap, in
// guest addresses or in user addresses.
func NewTable(maps ...*Mapping) (*Table, error) {
	t := &Table{maps: slices.Clone(maps)}
	for _, m := range maps {
		m.tables.Add(1)
		t.guest = append(t.guest, area{m.region.Guest, m.bytes, m.region.Guest})
		t.user = append(t.user, area{m.region.User, m.bytes, m.region.Guest})
	}
	err := arrange(t.guest, "guest")
	if err == nil {
		err = arrange(t.user, "user")
	}
	if err == nil && len(maps) > MaxRegions {
		err = fmt.Errorf("%d regions of memory, at most %d are taken", len(maps), MaxRegions)
	}
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// arrange sorts areas by address and refuses those that overlap.
func arrange(areas []area, kind string) error {
	slices.SortFunc(areas, func(a, b area) int { return cmp.Compare(a.base, b.base) })
	for i := 1; i < len(areas); i++ {
		a, b := areas[i-1], areas[i]
		if b.base-a.base < uint64(len(a.mem)) {
			return fmt.Errorf("two regions of memory overlap: %s addresses %#x to %#x and from %#x on",
				kind, a.base, a.base+uint64(len(a.mem))-1, b.base)
		}
	}
	return nil
}

// With returns a snapshot that has m as well (VHOST_USER_ADD_MEM_REG). It takes m over, as NewTable does; t
// stays as it is.
func (t *Table) With(m *Mapping) (*Table, error) {
	return NewTable(append(slices.Clip(t.maps), m)...)
}

// Without returns a snapshot that has the region no more (VHOST_USER_REM_MEM_REG); t stays as it is, and so
// does the mapping until t is closed. The region must be one of the table's: see Has.
func (t *Table) Without(r Region) (*Table, error) {
	i := t.index(r)
	if i < 0 {
		return nil, fmt.Errorf("%v: there is no such region", r)
	}
	return NewTable(slices.Concat(t.maps[:i], t.maps[i+1:])...)
}

// Has reports whether the region is one of the table's, by its addresses and size; where it was in its file does not matter.
func (t *Table) Has(r Region) bool { return t.index(r) >= 0 }

func (t *Table) index(r Region) int {
	return slices.IndexFunc(t.maps, func(m *Mapping) bool {
		return m.region.Guest == r.Guest && m.region.User == r.User && m.region.Size == r.Size
	})
}

// Guest returns the n bytes at a guest-physical address; false unless all are in one region.
func (t *Table) Guest(addr, n uint64) ([]byte, bool) { return within(t.guest, addr, n) }

// User returns the n bytes at an address of the frontend's; false unless all are in one region.
func (t *Table) User(addr, n uint64) ([]byte, bool) { return within(t.user, addr, n) }

// GuestAddress returns the guest-physical address of what the frontend has at addr.
func (t *Table) GuestAddress(addr uint64) (uint64, bool) {
	for _, m := range t.maps {
		if off := addr - m.region.User; off < m.region.Size {
			return m.region.Guest + off, true
		}
	}
	return 0, false
}

// Close gives up the snapshot, and unmaps what no other has. A table that is closed has no memory.
func (t *Table) Close() error {
	var errs []error
	for _, m := range t.maps {
		errs = append(errs, m.release())
	}
	*t = Table{}
	return errors.Join(errs...)
}

// find returns the area of addr, or nil. Guests with more than 3 GiB have two areas at least, and use both: this is
// no rare case.
func find(areas []area, addr uint64) *area {
	if len(areas) == 0 {
		return nil
	}
	at := 0 // of the areas that begin at addr or before, the last one is this or among the n-1 behind
	for n := len(areas); n > 1; {
		half := n / 2
		if areas[at+half].base <= addr {
			at += half
		}
		n -= half
	}
	if a := &areas[at]; addr-a.base < uint64(len(a.mem)) {
		return a
	}
	return nil
}

// within returns n bytes at addr.
func within(areas []area, addr, n uint64) ([]byte, bool) {
	a := find(areas, addr)
	if a == nil {
		return nil, false
	}
	off, size := addr-a.base, uint64(len(a.mem))
	if n > size-off {
		return nil, false
	}
	return a.mem[off : off+n : off+n], true
}

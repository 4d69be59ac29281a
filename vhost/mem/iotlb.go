package mem

import (
	"fmt"
	"math"
	"slices"
)

// MaxTranslations is how many ranges of addresses an IOTLB knows at most, for each kind of access: a page for each
// entry of four rings of 1024. What goes to make room is asked for again when it is wanted.
const MaxTranslations = 4096

// Access is what a device may do with memory; the bits are those of vhost-user's IOTLB messages.
type Access uint8

// Kinds of access.
const (
	Read  Access = 1
	Write Access = 2
)

// An IOTLB is what an IOMMU lets the device see of a guest's memory, as far as that is known (vhost-user, "IOMMU
// support"): ranges of I/O virtual addresses, each with the memory that it stands for. They do not overlap, and are
// neither joined nor cut: what only a part is replaced or forgotten of goes as a whole, and is asked for again.
//
// The zero value knows nothing.
//
// Thread-safety: none. Windows that were opened on it read what it knows; whoever changes it keeps their users out
// meanwhile, and has each window forget what it used last.
type IOTLB struct {
	read, write []area // what may be read, what may be written to; by address
	hand        int    // where room is made next
}

// Open lets w see what a may be done with, by I/O virtual addresses. Memory that is not known is not there:
// [Window.Missed] tells which.
func (c *IOTLB) Open(w *Window, a Access) { *w = Window{areas: c.known(a)} }

// known returns what may be written to if that is wanted, else what may be read.
func (c *IOTLB) known(a Access) *[]area {
	if a&Write != 0 {
		return &c.write
	}
	return &c.read
}

// Update notes that the size bytes from addr on are those that the frontend has at user, in t, and what may be done
// with them. They replace whatever was known of any of them. It is an error when t does not have them all in one region,
// when an address wraps around, or when they are not made of whole words of 8 bytes; nothing is noted then.
func (c *IOTLB) Update(t *Table, addr, size, user uint64, a Access) error {
	switch {
	case size == 0:
		return fmt.Errorf("translation of no bytes at %#x", addr)
	case addr > math.MaxUint64-size:
		return fmt.Errorf("translation of %#x bytes at %#x: wraps around", size, addr)
	case (addr|size|user)%regionAlign != 0:
		return fmt.Errorf("translation of %#x bytes at %#x to %#x: not aligned to %d bytes", size, addr, user, regionAlign)
	}
	memory, ok := t.User(user, size)
	if !ok {
		return fmt.Errorf("translation of %#x bytes at %#x to %#x: not in the guest's memory", size, addr, user)
	}
	guest, _ := t.GuestAddress(user)
	c.Invalidate(addr, size)
	one := area{base: addr, mem: memory, guest: guest}
	if a&Read != 0 {
		c.add(&c.read, one)
	}
	if a&Write != 0 {
		c.add(&c.write, one)
	}
	return nil
}

// add puts one where it belongs in list.
func (c *IOTLB) add(list *[]area, one area) {
	if len(*list) == MaxTranslations {
		// Any will do: which one is wanted last is not known, and to know it would cost more than to ask again.
		c.hand = (c.hand + 1) % MaxTranslations
		*list = slices.Delete(*list, c.hand, c.hand+1)
	}
	*list = slices.Insert(*list, from(*list, one.base), one)
}

// from returns the index of the first area that begins at addr or behind it.
func from(list []area, addr uint64) int {
	at, _ := slices.BinarySearchFunc(list, addr, func(a area, addr uint64) int {
		switch {
		case a.base < addr:
			return -1
		case a.base > addr:
			return 1
		}
		return 0
	})
	return at
}

// Invalidate forgets all that is known of any of the size bytes from addr on. A range that reaches the end of the
// address space or goes beyond it ends there; so does one of no bytes, since that is 2^64 cut to 64 bits.
func (c *IOTLB) Invalidate(addr, size uint64) {
	last := addr + size - 1
	if last < addr {
		last = math.MaxUint64
	}
	for _, list := range []*[]area{&c.read, &c.write} {
		i, j := from(*list, addr), len(*list)
		if i > 0 && addr-(*list)[i-1].base < uint64(len((*list)[i-1].mem)) {
			i--
		}
		if last != math.MaxUint64 {
			j = from(*list, last+1)
		}
		*list = slices.Delete(*list, i, max(i, j))
	}
}

// Clear forgets everything.
func (c *IOTLB) Clear() { *c = IOTLB{} }

// Len returns how many ranges may be read or written to.
func (c *IOTLB) Len() int { return max(len(c.read), len(c.write)) }

// Range returns the n bytes from an I/O virtual address on, when all are known and they are one piece of t, and the
// guest-physical address of the first. known is how many bytes from addr on are known: fewer than n when translations
// are missing, n when the bytes are scattered.
func (c *IOTLB) Range(t *Table, addr, n uint64, a Access) (memory []byte, guest, known uint64, ok bool) {
	list := *c.known(a)
	whole := true
	for known < n {
		one := find(list, addr+known)
		if one == nil {
			return nil, 0, known, false
		}
		off := addr + known - one.base
		if known == 0 {
			guest = one.guest + off
		}
		whole = whole && one.guest+off == guest+known
		known += min(n-known, uint64(len(one.mem))-off)
	}
	if !whole {
		return nil, 0, known, false
	}
	memory, ok = t.Guest(guest, n)
	return memory, guest, known, ok
}

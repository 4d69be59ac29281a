package mem

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// guestsPages is the memory of the tests below: two regions with a hole between them, whose user addresses are apart.
var guestsPages = []Region{
	{Guest: 0, User: 1 << 40, Size: 16 * page},
	{Guest: 64 * page, User: 1 << 41, Size: 16 * page},
}

func userOf(guest uint64) uint64 {
	if guest >= 64*page {
		return 1<<41 + guest - 64*page
	}
	return 1<<40 + guest
}

// A naiveIOTLB has what each word of 8 bytes stands for, and the range that it came with.
type naiveIOTLB map[uint64]naiveWord

type naiveWord struct {
	guest  uint64
	access Access
	update int
}

func (n naiveIOTLB) invalidate(addr, size uint64) {
	gone := make(map[int]bool)
	for at, w := range n {
		if at >= addr && at-addr < size || at < addr && addr-at < 8 {
			gone[w.update] = true
		}
	}
	for at, w := range n {
		if gone[w.update] {
			delete(n, at)
		}
	}
}

func (n naiveIOTLB) update(number int, addr, size, guest uint64, a Access) {
	n.invalidate(addr, size)
	for off := uint64(0); off < size; off += 8 {
		n[addr+off] = naiveWord{guest + off, a, number}
	}
}

// TestTranslationsAreWhatTheFrontendSaidLast has a naive twin beside an IOTLB, through updates and invalidations that
// overlap in all ways.
func TestTranslationsAreWhatTheFrontendSaidLast(t *testing.T) {
	tab := table(t, guestsPages...)
	r := rand.New(rand.NewPCG(3, 4))
	var c IOTLB
	var windows [2]Window
	c.Open(&windows[0], Read)
	c.Open(&windows[1], Write)
	twin := make(naiveIOTLB)
	const base = 1 << 47
	for step := range 3000 {
		addr, size := base+r.Uint64N(1000)*8, (1+r.Uint64N(100))*8
		if r.IntN(3) > 0 {
			guest, a := r.Uint64N(1000)*8+64*page*r.Uint64N(2), Access(1+r.IntN(3))
			if err := c.Update(tab, addr, size, userOf(guest), a); err != nil {
				t.Fatal(err)
			}
			twin.update(step, addr, size, guest, a)
		} else {
			addr += r.Uint64N(8)
			c.Invalidate(addr, size)
			twin.invalidate(addr, size)
		}
		for i := range windows {
			windows[i].Forget()
			for range 20 {
				at := base + r.Uint64N(1100)*8
				want, known := twin[at]
				known = known && want.access&Access(1+i) != 0
				got, ok := windows[i].Bytes(at, 8)
				if ok != known || ok && (!bytes.Equal(got, wordAt(want.guest)) || windows[i].Guest(at) != want.guest) {
					t.Fatalf("step %d: address %#x for %d: %x, %v; want guest address %#x, %v", step, at, i+1, got, ok, want.guest, known)
				}
			}
		}
	}
}

// wordAt is what the tests have in memory from a guest-physical address on.
func wordAt(guest uint64) []byte {
	var b []byte
	for i := range uint64(8) {
		b = append(b, mark(guest+i))
	}
	return b
}

func TestInvalidationsReachTheEndOfTheAddressSpace(t *testing.T) {
	tab := table(t, guestsPages...)
	for _, tc := range []struct {
		name       string
		addr, size uint64
		left       bool
	}{
		{"everything", 0, math.MaxUint64, false},
		{"2^64 bytes, which are 0 in 64 bits", 0, 0, false},
		{"from the address on, beyond the end", 1 << 47, math.MaxUint64, false},
		{"the last byte", 1<<47 + page - 1, 1, false},
		{"the byte before", 1<<47 - 1, 1, true},
		{"the byte behind", 1<<47 + page, math.MaxUint64, true},
	} {
		var c IOTLB
		if err := c.Update(tab, 1<<47, page, 1<<40, Read|Write); err != nil {
			t.Fatal(err)
		}
		if c.Invalidate(tc.addr, tc.size); (c.Len() == 1) != tc.left {
			t.Errorf("%s: known afterwards: %d", tc.name, c.Len())
		}
	}
}

func TestAnIOTLBIsBounded(t *testing.T) {
	tab := table(t, guestsPages...)
	var c IOTLB
	var w Window
	c.Open(&w, Write)
	for i := range uint64(MaxTranslations + 1000) {
		if err := c.Update(tab, i*page, page, 1<<40, Read|Write); err != nil {
			t.Fatal(err)
		}
		w.Forget()
		if _, ok := w.Bytes(i*page, page); !ok {
			t.Fatalf("what was said last, about page %d, is not known", i)
		}
	}
	if n := c.Len(); n != MaxTranslations {
		t.Errorf("%d translations, want %d", n, MaxTranslations)
	}
}

func TestARangeIsInOnePieceOrSaysHowFarItIsKnown(t *testing.T) {
	tab := table(t, guestsPages...)
	var c IOTLB
	for _, u := range []struct{ addr, user uint64 }{{8, 2}, {9, 3}, {10, 4}, {11, 8}, {13, 9}} { // in pages
		if err := c.Update(tab, u.addr*page, page, 1<<40+u.user*page, Read); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name           string
		addr, n, known uint64
		a              Access
		ok             bool
	}{
		{"three pages that lie beside each other", 8 * page, 3 * page, 3 * page, Read, true},
		{"a part of two", 9*page - 100, 200, 200, Read, true},
		{"pages that do not", 10 * page, 2 * page, 2 * page, Read, false},
		{"into a page that is not known", 11*page + 8, 2 * page, page - 8, Read, false},
		{"an address that is not known", 12 * page, 8, 0, Read, false},
		{"to write where only reading is allowed", 8 * page, 8, 0, Write, false},
	} {
		memory, guest, known, ok := c.Range(tab, tc.addr, tc.n, tc.a)
		if ok != tc.ok || known != tc.known || ok && (uint64(len(memory)) != tc.n || memory[0] != mark(guest)) {
			t.Errorf("%s: %d bytes, %d known, %v; want %d known, %v", tc.name, len(memory), known, ok, tc.known, tc.ok)
		}
	}
}

func TestImpossibleTranslationsLeaveAnIOTLBAsItIs(t *testing.T) {
	tab := table(t, guestsPages...)
	var c IOTLB
	if err := c.Update(tab, page, page, 1<<40, Read); err != nil {
		t.Fatal(err)
	}
	for _, u := range [][3]uint64{
		{page, 0, 1 << 40}, {math.MaxUint64 &^ 7, 16, 1 << 40}, {page, math.MaxUint64 &^ 7, 1 << 40}, {page + 1, 8, 1 << 40}, {page, 9, 1 << 40},
		{page, 8, 1<<40 + 1}, {page, 17 * page, 1 << 40}, {page, page, 1<<40 - page}, {page, page, math.MaxUint64 &^ 7}, {page, 32 * page, 1<<41 - 16*page},
	} {
		if err := c.Update(tab, u[0], u[1], u[2], Read|Write); err == nil {
			t.Errorf("%#x bytes at %#x to %#x are taken", u[1], u[0], u[2])
		}
	}
	if _, _, _, ok := c.Range(tab, page, page, Read); !ok {
		t.Error("what was known is not any more")
	}
}

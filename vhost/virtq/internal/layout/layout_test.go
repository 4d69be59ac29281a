package layout

import (
	"encoding/binary"
	"sync"
	"testing"
)

func TestSizesAreTheSpecifications(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"Desc", binary.Size(Desc{}), 16},
		{"Used", binary.Size(Used{}), 8},
		{"SplitFlight", binary.Size(SplitFlight{}), 16},
		{"PackedFlight", binary.Size(PackedFlight{}), 32},
	} {
		if c.got != c.want {
			t.Errorf("%s has %d bytes, want %d", c.name, c.got, c.want)
		}
	}
}

func TestADescriptorIsTheSameInBothForms(t *testing.T) {
	var b [DescBytes]byte
	d := SplitDesc(0x1122334455667788, 0x99aabbcc, FlagWrite|FlagNext, 0xddee)
	d.Encode(&b)
	want := [DescBytes]byte{0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xcc, 0xbb, 0xaa, 0x99, 3, 0, 0xee, 0xdd}
	if b != want || Decode(&b) != d {
		t.Errorf("%x, want %x", b, want)
	}
	if d.Len() != 0x99aabbcc || d.SplitFlags() != 3 || d.SplitNext() != 0xddee {
		t.Errorf("length %#x, flags %#x, next %#x", d.Len(), d.SplitFlags(), d.SplitNext())
	}
	p := Desc{Rest: PackedRest(7, 0x1234, FlagUsed)}
	if p.Len() != 7 || p.PackedID() != 0x1234 || p.PackedFlags() != FlagUsed {
		t.Errorf("length %d, id %#x, flags %#x", p.Len(), p.PackedID(), p.PackedFlags())
	}
}

// TestCursorsCount goes around rings of all small sizes, with a naive twin that counts from 0 to two laps.
func TestCursorsCount(t *testing.T) {
	for size := uint32(1); size <= 9; size++ {
		at := func(n uint32) Cursor {
			c := Cursor{n % size, FlagAvail}
			if n/size%2 == 1 {
				c.Phase = FlagUsed
			}
			return c
		}
		for a := range 2 * size {
			if c := DecodeCursor(at(a).Encode()); c != at(a) {
				t.Fatalf("%v is decoded as %v", at(a), c)
			}
			for n := range size + 1 {
				if c := at(a).Plus(n, size); c != at(a+n) {
					t.Fatalf("size %d: %v plus %d is %v, want %v", size, at(a), n, c, at(a+n))
				}
				if c := at(a+n).Minus(n, size); c != at(a) {
					t.Fatalf("size %d: %v minus %d is %v, want %v", size, at(a+n), n, c, at(a))
				}
			}
			for n := range 2 * size {
				if got := at(a+n).Since(at(a), size); got != n {
					t.Fatalf("size %d: %v is %d behind %v, want %d", size, at(a+n), got, at(a), n)
				}
			}
		}
	}
}

// TestTwoSidesOfAWord has two goroutines store to the halves of one word: neither ever loses what it stored.
func TestTwoSidesOfAWord(t *testing.T) {
	memory := make([]byte, 8)
	var wg sync.WaitGroup
	for _, off := range []int{0, 2} {
		wg.Go(func() {
			h := HalfAt(memory, off)
			for i := range uint16(10_000) {
				h.Store(i)
				if got := h.Load(); got != i {
					t.Errorf("half %d is %d, want %d", off, got, i)
					return
				}
			}
		})
	}
	wg.Wait()
	if binary.LittleEndian.Uint64(memory) != 9999<<16|9999 {
		t.Errorf("memory is %x", memory)
	}
}

func TestViewsStayInTheirMemory(t *testing.T) {
	memory := make([]byte, 64)
	if v, ok := View[Desc](memory, 4); !ok || len(v) != 4 {
		t.Error("four descriptors do not fit 64 bytes")
	}
	for name, c := range map[string]struct {
		memory []byte
		n      int
	}{
		"one too many":    {memory, 5},
		"none":            {memory, 0},
		"less than none":  {memory, -1},
		"no memory":       {nil, 1},
		"an odd address":  {memory[1:], 1},
		"more than int's": {memory, 1 << 60},
	} {
		if v, ok := View[Desc](c.memory, c.n); ok {
			t.Errorf("%s: %d descriptors", name, len(v))
		}
	}
}

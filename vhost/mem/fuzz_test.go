package mem

import (
	"encoding/binary"
	"testing"
)

// FuzzTable makes tables of regions as a frontend may announce them, and asks for ranges as a guest may: what is
// found is what a scan of all regions finds, byte for byte, and nothing else.
//
// Input: regions of 3 bytes (guest page, user page, size in units of 8 bytes), a byte with the high bit set
// ending them, then ranges of 4 bytes (address in units of 4, length).
func FuzzTable(f *testing.F) {
	f.Add([]byte{1, 1, 200, 2, 3, 10, 9, 9, 9, 0xff, 0, 8, 0, 60, 0, 16, 0, 1})
	f.Add([]byte{1, 1, 255, 2, 2, 255, 0xff, 4, 0, 255, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		var regions []Region
		for ; len(in) >= 3 && in[0] < 0x80 && len(regions) < 20; in = in[3:] {
			regions = append(regions, Region{
				Guest: uint64(in[0]) * 1024,
				User:  uint64(in[1])*1024 + 1<<40,
				Size:  uint64(in[2]) * 8,
			})
		}
		var maps []*Mapping
		valid := true
		for i, r := range regions {
			m, err := Heap(r)
			if (err == nil) != (r.Size > 0) {
				t.Fatalf("%v: %v", r, err)
			}
			if err != nil {
				return
			}
			fill(m)
			maps = append(maps, m)
			for _, o := range regions[:i] {
				valid = valid && !overlap(r.Guest, o.Guest, r.Size, o.Size) && !overlap(r.User, o.User, r.Size, o.Size)
			}
		}
		tab, err := NewTable(maps...)
		if (err == nil) != valid {
			t.Fatalf("%v: %v", regions, err)
		}
		if err != nil {
			return
		}
		var w Window
		w.Open(tab)
		for in = in[min(1, len(in)):]; len(in) >= 4; in = in[4:] {
			checkRange(t, regions, tab, &w, uint64(binary.BigEndian.Uint16(in))*4, uint32(binary.BigEndian.Uint16(in[2:])))
		}
	})
}

func fill(m *Mapping) {
	for i := range m.bytes {
		m.bytes[i] = mark(m.region.Guest + uint64(i))
	}
}

func overlap(a, b, aSize, bSize uint64) bool { return a < b+bSize && b < a+aSize }

// checkRange holds every way to look n bytes up to the naive one.
func checkRange(t *testing.T, regions []Region, tab *Table, w *Window, addr uint64, n uint32) {
	t.Helper()
	want := uint64(0) // bytes in the region of addr
	for _, r := range regions {
		if addr >= r.Guest && addr < r.Guest+r.Size {
			want = min(uint64(n), r.Guest+r.Size-addr)
		}
	}
	b, ok := w.Bytes(addr, n)
	if n > 0 && (ok != (want == uint64(n)) || ok && len(b) != int(n)) {
		t.Fatalf("%d bytes at %#x: %d, %v", n, addr, len(b), ok)
	}
	if g, found := tab.Guest(addr, uint64(n)); found != ok || len(g) != len(b) {
		t.Fatalf("%d bytes at %#x: the table has %d, %v, the window %d, %v", n, addr, len(g), found, len(b), ok)
	}
	p := w.Piece(addr, n)
	if n > 0 && uint64(len(p)) != want {
		t.Fatalf("%d bytes at %#x: a piece of %d, want %d", n, addr, len(p), want)
	}
	for i := range p {
		if p[i] != mark(addr+uint64(i)) {
			t.Fatalf("%d bytes at %#x: byte %d is from elsewhere", n, addr, i)
		}
	}
}

package mem

import (
	"bytes"
	"testing"
)

func TestAWindowFindsWhatItsTableFinds(t *testing.T) {
	tab := table(t, gap...)
	var w Window
	if _, ok := w.Bytes(0, 1); ok {
		t.Error("a window without a table sees memory")
	}
	w.Open(tab)
	for _, addr := range []uint64{0, 4 << 30, 100, 16*page - 4, 3 << 30, 4<<30 + 8*page - 1, 5 << 30, 1 << 63, 7} {
		for _, n := range []uint32{0, 1, 4, 5, page, 1 << 31} {
			want, found := tab.Guest(addr, uint64(n))
			got, ok := w.Bytes(addr, n)
			if ok != found || !bytes.Equal(got, want) || cap(got) != len(got) {
				t.Errorf("%d bytes at %#x: %d of them, %v; the table has %v", n, addr, len(got), ok, found)
			}
		}
	}
}

func TestRangesOverAdjacentRegionsComeInPieces(t *testing.T) {
	tab := table(t,
		Region{Guest: page, User: 100 * page, Size: page},
		Region{Guest: 2 * page, User: 50 * page, Size: 8},
		Region{Guest: 2*page + 8, User: 10 * page, Size: page},
	)
	var w Window
	w.Open(tab)
	var got []byte
	var pieces []int
	for addr, left := uint64(page+page/2), uint32(page); left > 0; {
		p := w.Piece(addr, left)
		if len(p) == 0 {
			t.Fatalf("no memory at %#x", addr)
		}
		got = append(got, p...)
		pieces = append(pieces, len(p))
		addr += uint64(len(p))
		left -= uint32(len(p))
	}
	if len(pieces) != 3 || pieces[0] != page/2 || pieces[1] != 8 {
		t.Errorf("pieces of %v bytes", pieces)
	}
	for i, b := range got {
		if b != mark(uint64(page+page/2+i)) {
			t.Fatalf("byte %d is from elsewhere", i)
		}
	}
	if p := w.Piece(3*page+8, 1); p != nil {
		t.Errorf("%d bytes behind the last region", len(p))
	}
	if p := w.Piece(0, page+1); p != nil {
		t.Errorf("%d bytes before the first region", len(p))
	}
}

func TestLookingThingsUpAllocatesNothing(t *testing.T) {
	tab := table(t, gap...)
	var w Window
	w.Open(tab)
	if n := testing.AllocsPerRun(100, func() {
		w.Bytes(100, 60)
		w.Bytes(4<<30, 60)
		w.Piece(16*page-4, 8)
		tab.User(gap[1].User, 60)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWindow(b *testing.B) {
	tab := table(b, gap...)
	var w Window
	w.Open(tab)
	b.Run("same region", func(b *testing.B) {
		for i := range b.N {
			w.Bytes(uint64(i&7)*2048, 60)
		}
	})
	b.Run("other region", func(b *testing.B) {
		for i := range b.N {
			w.Bytes(uint64(i&1)<<32, 60)
		}
	})
}

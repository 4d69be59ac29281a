package mem

import (
	"math"
	"sync"
	"testing"
)

func TestTheLogHasTheBitsTheSpecificationSays(t *testing.T) {
	const size = 256 * LogPage
	fd := memfd(t, 4*page)
	l, err := MapLog(fd, size/LogPage/8, page)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	// The frontend's view of the same file.
	front, err := Map(fd, Region{Guest: 0, User: 0, Size: page, Offset: page})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := front.Close(); err != nil {
			t.Error(err)
		}
	}()
	want := make([]byte, size/LogPage/8)
	write := func(addr, n uint64) {
		l.Mark(addr, n)
		for a := addr; a < addr+n; a++ {
			p := a / 0x1000
			want[p/8] |= 1 << (p % 8)
		}
	}
	write(0, 1)
	write(0x9fff, 2)          // over a boundary
	write(0x20000-1, 0x1002)  // three pages
	write(size-1, 1)          // the last byte
	write(0x40000, 40*0x1000) // more than a word
	l.Mark(size-1, 2)         // beyond the log: not noted at all
	l.Mark(math.MaxUint64, 2) // wraps around
	l.Mark(0x5000, 0)         // nothing was written
	for i := range want {
		if got := front.Bytes()[i]; got != want[i] {
			t.Errorf("byte %d of the log is %#02x, want %#02x", i, got, want[i])
		}
	}
	if !l.Marked(0xa000) || l.Marked(0xb000) || l.Marked(size) {
		t.Error("Marked does not say what is in the log")
	}
}

func TestTheLogKnowsWhatItCovers(t *testing.T) {
	l := NewLog(32 * LogPage)
	tab := table(t, Region{Guest: 0, User: 0, Size: 32 * LogPage})
	if !l.CoversTable(tab) {
		t.Error("a log of 32 pages does not cover 32")
	}
	more := table(t, Region{Guest: 32 * LogPage, User: 0, Size: 8})
	if l.CoversTable(more) {
		t.Error("a log of 32 pages covers the next one")
	}
	for _, c := range []struct {
		addr, n uint64
		want    bool
	}{
		{0, 0, true},
		{32*LogPage - 1, 1, true},
		{32*LogPage - 1, 2, false},
		{math.MaxUint64, 1, false},
		{1, math.MaxUint64, false},
	} {
		if got := l.Covers(c.addr, c.n); got != c.want {
			t.Errorf("covers %d bytes at %#x: %v", c.n, c.addr, got)
		}
	}
}

func TestLogsThatMakeNoSenseAreRefused(t *testing.T) {
	fd := memfd(t, page)
	for name, c := range map[string]struct{ size, offset uint64 }{
		"empty":                    {0, 0},
		"longer than its file":     {2 * page, 0},
		"behind the file's end":    {8, page},
		"an offset that overflows": {8, math.MaxInt64},
		"negative":                 {1 << 63, 0},
		"not of whole words":       {6, 0},
		"not aligned":              {8, 2},
	} {
		if l, err := MapLog(fd, c.size, c.offset); err == nil {
			t.Errorf("%s: accepted", name)
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestMarksOfSeveralQueuesAreNotLost has queues mark pages of one word while the frontend collects them.
func TestMarksOfSeveralQueuesAreNotLost(t *testing.T) {
	l := NewLog(32 * LogPage)
	var wg sync.WaitGroup
	for q := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(8) {
				l.Mark((q*8+i)*LogPage, 1)
			}
		})
	}
	var collected uint32
	for range 100 {
		collected |= l.words[0].Swap(0)
	}
	wg.Wait()
	if collected |= l.words[0].Load(); collected != math.MaxUint32 {
		t.Errorf("collected %#08x", collected)
	}
}

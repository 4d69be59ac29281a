package sink

import (
	"math/rand/v2"
	"testing"
)

// A naive tracker remembers everything.
type naive struct {
	order      []uint64 // numbers in the order of arrival
	seen       map[uint64]bool
	duplicates uint64
	reordered  uint64
	extent     uint64
}

func (n *naive) take(seq uint64) {
	if n.seen == nil {
		n.seen = make(map[uint64]bool)
	}
	n.order = append(n.order, seq)
	if n.seen[seq] {
		n.duplicates++
		return
	}
	n.seen[seq] = true
	for i, s := range n.order { // the first that is higher
		if s > seq {
			n.reordered++
			n.extent = max(n.extent, uint64(len(n.order)-1-i))
			return
		}
	}
}

// takeRows takes numbers that follow each other, the next one first, together.
func takeRows(t *tracker, seqs []uint64) {
	for len(seqs) > 0 {
		n := 0
		for n < len(seqs) && seqs[n] == t.next+uint64(n) {
			n++
		}
		if n == 0 {
			t.take(seqs[0])
			n = 1
		} else {
			t.row(uint64(n))
		}
		seqs = seqs[n:]
	}
}

func compare(t *testing.T, what string, seqs []uint64) {
	t.Helper()
	var got, rows tracker
	var want naive
	for _, s := range seqs {
		got.take(s)
		want.take(s)
	}
	takeRows(&rows, seqs)
	if rows != got {
		t.Errorf("%s: taken in rows it is otherwise", what)
	}
	if got.duplicates != want.duplicates || got.reordered != want.reordered || got.extent != want.extent ||
		got.unique() != uint64(len(want.seen)) || got.late != 0 {
		t.Errorf("%s: got %d duplicates, %d reordered by up to %d, %d unique, %d late; want %d, %d, %d, %d, 0", what,
			got.duplicates, got.reordered, got.extent, got.unique(), got.late,
			want.duplicates, want.reordered, want.extent, len(want.seen))
	}
}

func TestTheTrackerCountsAsOneThatRemembersEverything(t *testing.T) {
	compare(t, "in order", []uint64{0, 1, 2, 3})
	compare(t, "the first are lost", []uint64{70, 71, 72})
	compare(t, "the first come later", []uint64{70, 71, 0, 72, 69, 63, 64})
	compare(t, "the example of RFC 4737 section 6.1", []uint64{1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11})
	compare(t, "all twice", []uint64{0, 0, 1, 1, 2, 2})
	compare(t, "backwards", []uint64{9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 9})
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var seqs []uint64
		held := make(map[int][]uint64) // what is to arrive behind a frame
		lose, twice, swap := r.Float64()/2, r.Float64()/4, r.Float64()/2
		for s := range uint64(2000) {
			if r.Float64() < lose {
				continue
			}
			if r.Float64() < twice {
				at := int(s) + r.IntN(300)
				held[at] = append(held[at], s)
			}
			if r.Float64() < swap {
				at := int(s) + r.IntN(300)
				held[at] = append(held[at], s)
			} else {
				seqs = append(seqs, s)
			}
			seqs = append(seqs, held[int(s)]...)
		}
		compare(t, "at random", seqs)
	}
}

// lastLost of a naive tracker is that of the first n numbers.
func (n *naive) lastLost(below uint64) uint64 {
	for s := below; s > 0; s-- {
		if !n.seen[s-1] {
			return s
		}
	}
	return 0
}

func TestTheLastLossIsThatOfOneThatRemembersEverything(t *testing.T) {
	var none tracker
	if a, b := none.lastLost(0), none.lastLost(5); a != 0 || b != 5 {
		t.Errorf("of nothing and of five frames that did not arrive: %d and %d, want 0 and 5", a, b)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		got, want := new(tracker), &naive{seen: make(map[uint64]bool)}
		var order []uint64
		n := r.Uint64N(4 * Window)
		lossy := r.Uint64N(n + 1) // all that is lost is lost before
		lose := []float64{0, 0.001, 0.3, 0.99999}[r.IntN(4)]
		gap := r.Uint64N(3 * Window)
		at := r.Uint64N(lossy + 1)
		for s := uint64(0); s < n; s++ {
			if s < lossy && (r.Float64() < lose || s >= at && s < at+gap && gap > 2*Window) {
				continue
			}
			if s > 2 && s+2 < n && r.IntN(50) == 0 && want.seen[s-1] { // two change places
				order = append(order, s+1)
				want.seen[s+1] = true
			}
			if !want.seen[s] {
				order = append(order, s)
				want.seen[s] = true
			}
		}
		for _, s := range order {
			got.take(s)
		}
		rows := new(tracker)
		takeRows(rows, order)
		for _, below := range []uint64{n, n + 1, n + 100} {
			if a, b := got.lastLost(below), want.lastLost(below); a != b {
				t.Fatalf("%d frames, those before %d with a loss of %v: the last that was lost is %d, want %d", below, lossy, lose, a, b)
			}
			if a, b := rows.lastLost(below), want.lastLost(below); a != b {
				t.Fatalf("%d frames taken in rows, those before %d with a loss of %v: the last that was lost is %d, want %d", below, lossy, lose, a, b)
			}
		}
	}
}

func TestLongGapsAndWhatIsBehindTheWindow(t *testing.T) {
	var k tracker
	const far = 1 << 40
	k.take(0)
	k.take(far) // the numbers between are not gone through
	k.take(5)
	k.take(far - Window)
	if k.late != 2 || k.reordered != 2 {
		t.Errorf("%d late, %d reordered, want 2 and 2", k.late, k.reordered)
	}
	for s := uint64(far - Window + 128); s < far; s++ { // all that is remembered
		k.take(s)
	}
	if k.duplicates != 0 || k.late != 2 {
		t.Errorf("%d duplicates, %d late after what had been lost has come", k.duplicates, k.late)
	}
	for s := uint64(far - Window + 128); s <= far; s++ {
		k.take(s)
	}
	if want := uint64(Window - 128 + 1); k.duplicates != want {
		t.Errorf("%d duplicates, want %d", k.duplicates, want)
	}
	for s := uint64(far + 1); s < far+3*Window; s++ { // the window goes on
		k.take(s)
	}
	if k.late != 2 || k.duplicates != Window-128+1 {
		t.Errorf("%d late, %d duplicates after frames in order", k.late, k.duplicates)
	}
}

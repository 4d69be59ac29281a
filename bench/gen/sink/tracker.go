package sink

import "math/bits"

// Window is how many sequence numbers of a stream are remembered.
const Window = 1 << 15

// A tracker follows the sequence numbers of a stream.
type tracker struct {
	next    uint64 // the highest number that arrived, and 1
	arrived uint64 // frames, duplicates and all
	seen    [Window / 64]uint64
	passed  [Window]uint32 // of a number that was passed over: which arrival did that

	duplicates uint64
	reordered  uint64
	late       uint64 // of these
	extent     uint64 // the largest
	lost       uint64 // the highest number that has left the window and had not arrived, and 1; 0: there is none
}

// take notes that a frame has arrived.
func (t *tracker) take(seq uint64) {
	t.arrived++
	if seq >= t.next {
		if seq > t.next {
			t.pass(seq)
		}
		if seq&63 == 0 {
			t.forget(seq)
		}
		t.seen[seq%Window/64] |= 1 << (seq & 63)
		t.next = seq + 1
		return
	}
	t.behind(seq)
}

// row is take of the n numbers that are next, one after the other: each word of the window is touched once.
func (t *tracker) row(n uint64) {
	t.arrived += n
	for n > 0 {
		bit := t.next & 63
		k := min(n, 64-bit)
		if bit == 0 {
			t.forget(t.next)
		}
		t.seen[t.next%Window/64] |= (1<<k - 1) << bit
		t.next += k
		n -= k
	}
}

// pass notes that the numbers from next to seq have not arrived before seq.
func (t *tracker) pass(seq uint64) {
	from := t.next
	if seq-from >= Window { // all of them at once
		from = seq - Window + 1
		clear(t.seen[:])
		t.lost = from
	}
	for n := from; n < seq; n++ {
		if n&63 == 0 {
			t.forget(n)
		}
		t.passed[n%Window] = uint32(t.arrived)
	}
}

// forget lets a word's old numbers leave the window to make room for those from one on.
func (t *tracker) forget(from uint64) {
	word := &t.seen[from%Window/64]
	if *word != 1<<64-1 && from >= Window {
		t.lost = max(t.lost, from-Window+uint64(bits.Len64(^*word)))
	}
	*word = 0
}

// lastLost returns the highest number, and 1, of those below n that have not arrived; 0 if there is none.
func (t *tracker) lastLost(n uint64) uint64 {
	if n > t.next {
		return n
	}
	oldest := uint64(0)
	if block := (max(t.next, 1) - 1) &^ 63; block >= Window {
		oldest = block - Window + 64
	}
	for s := n; s > oldest; s-- {
		if t.seen[(s-1)%Window/64]&(1<<((s-1)&63)) == 0 {
			return s
		}
	}
	return min(t.lost, n)
}

// behind notes a frame behind one with a higher number.
func (t *tracker) behind(seq uint64) {
	// A word of the window is cleared when its first number comes: some numbers less than Window are remembered.
	if t.next-seq > Window-64 {
		t.reordered++
		t.late++
		return
	}
	word, bit := &t.seen[seq%Window/64], uint64(1)<<(seq&63)
	if *word&bit != 0 {
		t.duplicates++
		return
	}
	*word |= bit
	t.reordered++
	t.extent = max(t.extent, uint64(uint32(t.arrived)-t.passed[seq%Window]))
}

// unique returns how many frames have arrived, each counted once.
func (t *tracker) unique() uint64 { return t.arrived - t.duplicates }

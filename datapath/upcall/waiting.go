package upcall

import "github.com/culvertdev/culvert/ring/frame"

// Waiting is a worker's record of the flow keys it has asked the slow path about, with the packets
// kept behind each. Keys are told apart by their hash alone: should two share one, the packets of
// the second wait for the answer to the first and are then looked up by their own key.
//
// It is an open-addressed table with linear probing, at most half full, over hashes that are keyed,
// so that nobody outside can make it slow.
//
// Thread-safety: belongs to one worker.
type Waiting struct {
	pool  *frame.Pool
	slots []waiter
	n     int // keys
	limit int // most keys
	held  int // packets kept
	room  int // most packets kept
}

// A waiter is one key the slow path is busy with.
type waiter struct {
	hash  uint64 // 0: the slot is free
	depth int    // most recirculations that a packet of this key has behind it
	kept  *int   // packets that are kept behind this and other keys of the port
	list  frame.List
}

// NewWaiting returns a table for at most keys flow keys and held packets kept behind them.
func NewWaiting(pool *frame.Pool, keys, held int) *Waiting {
	size := 2
	for size < 2*keys {
		size *= 2
	}
	return &Waiting{pool: pool, slots: make([]waiter, size), limit: keys, room: held}
}

// Len returns the number of keys waiting.
func (w *Waiting) Len() int { return w.n }

// Free returns the number of further keys there is room for.
func (w *Waiting) Free() int { return w.limit - w.n }

// Held returns the number of packets kept.
func (w *Waiting) Held() int { return w.held }

// Has reports whether hash is being asked about.
func (w *Waiting) Has(hash uint64) bool {
	_, ok := w.find(hash)
	return ok
}

// Add records that hash is being asked about for a packet that was taken up again depth times, and where to
// count what is kept of its port. It reports false when the table is full.
func (w *Waiting) Add(hash uint64, depth int, kept *int) bool {
	i, ok := w.find(hash)
	if !ok {
		if w.n == w.limit {
			return false
		}
		w.slots[i] = waiter{hash: key(hash), kept: kept}
		w.n++
	}
	w.slots[i].depth = max(w.slots[i].depth, depth)
	return true
}

// Hold keeps f, taken up again depth times, behind hash, which is being asked about. It reports false,
// and leaves f with the caller, when there is no room, or the port of the key has its part of it.
func (w *Waiting) Hold(hash uint64, f frame.Frame, depth int) bool {
	i, ok := w.find(hash)
	if !ok || !fair(*w.slots[i].kept, w.room-w.held) {
		return false
	}
	w.slots[i].list.Push(w.pool, f)
	w.slots[i].depth = max(w.slots[i].depth, depth)
	*w.slots[i].kept++
	w.held++
	return true
}

// Remove forgets hash and gives the packets kept behind it to the caller, with the greatest depth among
// them and the one asked about: on the way through the slow path a packet never becomes one that was
// taken up less often, or a table that recirculates for ever would keep it for ever.
func (w *Waiting) Remove(hash uint64) (list frame.List, depth int) {
	i, ok := w.find(hash)
	if !ok {
		return frame.List{}, 0
	}
	list, depth = w.slots[i].list, w.slots[i].depth
	*w.slots[i].kept -= list.Len()
	w.held -= list.Len()
	w.n--
	w.close(i)
	return list, depth
}

// Any returns a hash being asked about; ok is false when there is none.
func (w *Waiting) Any() (hash uint64, ok bool) {
	if w.n == 0 {
		return 0, false
	}
	for i := range w.slots {
		if w.slots[i].hash != 0 {
			return w.slots[i].hash, true
		}
	}
	return 0, false
}

// key maps a hash to what a slot stores: 0 is taken for free slots.
func key(hash uint64) uint64 { return max(hash, 1) }

// find returns the slot of hash, or the free one it would go to.
func (w *Waiting) find(hash uint64) (slot int, ok bool) {
	h := key(hash)
	mask := len(w.slots) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		switch w.slots[i].hash {
		case h:
			return i, true
		case 0:
			return i, false
		}
	}
}

// close frees slot i and moves up those behind it that would not be found any more.
func (w *Waiting) close(i int) {
	mask := len(w.slots) - 1
	for j := (i + 1) & mask; w.slots[j].hash != 0; j = (j + 1) & mask {
		home := int(w.slots[j].hash) & mask
		if (j-home)&mask >= (j-i)&mask {
			w.slots[i] = w.slots[j]
			i = j
		}
	}
	w.slots[i] = waiter{}
}

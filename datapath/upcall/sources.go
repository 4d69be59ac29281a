package upcall

// buckets is how many groups the senders behind a port are told apart by.
const buckets = 64

// ample is the number of places that a group of senders may have for each that is free: 7 lets a sender that
// is alone have seven eighths of the queue, two that flood it 14 of 15 parts between them.
const ample = 7

// Sources shares the room that one port has on its way to the slow path out among the senders behind it.
// Senders are put into groups by a keyed hash, and a group may have at most so many times the places that
// are free (dynamic thresholds: Choudhury and Hahne, IEEE/ACM ToN 6(2), 1998). However many flows a sender
// starts, there is room left for others; with stochastic fair queueing (McKenney, INFOCOM 1990) it has in
// common that two in one group share its fate, and that a sender that makes up its addresses is in all of them:
// the port's new flows are then served in proportion to what comes, and its established ones as ever.
//
// The room of the port itself is bounded in the same way by what is left of its worker's: see fair.
//
// Thread-safety: belongs to one worker.
type Sources struct {
	waiting *Waiting
	limit   int
	total   int
	asked   [buckets]int
}

// NewSources returns the record of a port that may have limit packets on their way, on a worker that records them in waiting.
func NewSources(limit int, waiting *Waiting) *Sources {
	return &Sources{waiting: waiting, limit: limit}
}

// Len returns how many packets are on their way.
func (s *Sources) Len() int { return s.total }

// Full reports whether the port has as many packets on their way as it may.
func (s *Sources) Full() bool {
	return s.total >= s.limit || !fair(s.total, s.waiting.Free())
}

// Add counts a packet of the sender with this hash on its way, if there is room for it.
func (s *Sources) Add(hash uint8) bool {
	a := &s.asked[hash%buckets]
	if *a >= max(1, ample*(s.limit-s.total-1)) && s.limit > 1 || s.Full() {
		return false
	}
	*a++
	s.total++
	return true
}

// Remove counts one that Add has counted back.
func (s *Sources) Remove(hash uint8) {
	s.asked[hash%buckets]--
	s.total--
}

package upcall

import (
	"time"

	"github.com/culvertdev/culvert/ring/counter"
)

// Time of the slow path that ports get by turns: deficit round robin (Shreedhar and Varghese, SIGCOMM
// 1995), with nanoseconds where that has bytes. A port whose look-ups are dear has fewer of them, not more time.
const (
	// slice is what a port with requests gets in every round: some 64 look-ups in an ordinary table, so
	// that one new flow of a port waits microseconds behind the thousands of another.
	slice = int64(64 * time.Microsecond)
	// deepest bounds what a port can owe, which is also what it pays when the slow path was kept off its CPU
	// in one of its turns.
	deepest = 64 * slice
	// dearest bounds what one turn says of the time that a request takes: the thread was kept off its CPU then.
	dearest = 4 * slice
	// smooth is the share that a turn has in what a request of the port is expected to take, inverted.
	smooth = 8
)

// What the slow path counts of a port.
const (
	ShareServed = iota
	ShareTime
)

func shareCounters() []counter.Desc {
	return []counter.Desc{
		ShareServed: {Name: "served", Help: "Packets of the port that the slow path has answered."},
		ShareTime:   {Name: "served_ns", Help: "Nanoseconds the slow path has spent on them."},
	}
}

// A Share is one port's part in the slow path's time, whichever workers its packets come from.
//
// Thread-safety: Counters is for everybody, the rest for the handler.
type Share struct {
	credit   int64 // ns that the port may still use in this round
	cost     int64 // ns that one of its requests takes, smoothed
	round    uint64
	counters *counter.Block
}

// NewShare returns the share of a port that has had no request yet.
func NewShare() *Share {
	// Taken for dear at first: should it be, the first turn does not take sixteen times as long as it may.
	return &Share{cost: slice, counters: counter.NewBlock(shareCounters())}
}

// Counters returns what the slow path counts of the port.
func (s *Share) Counters() *counter.Block { return s.counters }

// grant returns how many requests the port may have served now, in the given round.
func (s *Share) grant(round uint64) int {
	if s.round != round {
		s.round = round
		s.credit = min(s.credit+slice, 2*slice) // what a turn left over stays, what silence left does not
	}
	if s.credit <= 0 {
		return 0
	}
	return int(min(max(s.credit/max(s.cost, 1), 1), quantum))
}

// dear reports whether one request of the port takes more than a turn.
func (s *Share) dear() bool { return s.cost > slice }

// charge takes the time of n requests, more than none, in nanoseconds.
func (s *Share) charge(n int, took int64) {
	took = max(took, 0) // clocks of CPUs differ a little
	s.credit = max(s.credit-took, -deepest)
	s.cost += (min(took/int64(n), dearest) - s.cost) / smooth
	s.counters.Add(ShareServed, uint64(n))
	s.counters.Add(ShareTime, uint64(took))
	s.counters.Publish()
}

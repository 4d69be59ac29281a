package upcall

import "testing"

// serve lets ports with always more to do take turns for so many rounds and returns the time each got. A
// request of port i takes cost[i] ns.
func serve(cost []int64, rounds int) []int64 {
	shares := make([]*Share, len(cost))
	for i := range shares {
		shares[i] = NewShare()
	}
	got := make([]int64, len(cost))
	for round := range uint64(rounds) {
		for i, s := range shares {
			if n := s.grant(round + 1); n > 0 {
				took := int64(n) * cost[i]
				s.charge(n, took)
				got[i] += took
			}
		}
	}
	return got
}

func TestPortsGetTheSameTimeWhateverTheirLookupsCost(t *testing.T) {
	// An ordinary table, one that takes 50 times as long, and one with look-ups longer than a round.
	got := serve([]int64{2_000, 100_000, 1_000_000}, 100_000)
	for i, ns := range got {
		if ratio := float64(ns) / float64(got[0]); ratio < 0.95 || ratio > 1.05 {
			t.Errorf("port %d got %.3f times the time of port 0", i, ratio)
		}
	}
}

func TestAPortThatWasSilentHasSavedNothing(t *testing.T) {
	s := NewShare()
	s.charge(1, 0)
	s.grant(1)
	if s.grant(1_000_000); s.credit > 2*slice {
		t.Errorf("the port may use %d ns in one round, want at most %d", s.credit, 2*slice)
	}
}

func TestATurnDuringWhichTheSlowPathDidNotRunIsSoonPaidFor(t *testing.T) {
	s := NewShare()
	s.grant(1)
	s.charge(1, 1e9)
	rounds := uint64(1)
	for s.grant(rounds) == 0 {
		rounds++
	}
	if rounds > uint64(deepest/slice)+2 {
		t.Errorf("the port waited %d rounds", rounds)
	}
}

func TestAPortIsDearForWhatItsLookupsTakeAndNotForOnePause(t *testing.T) {
	s := NewShare()
	if s.dear() {
		t.Error("a port is dear before it has asked for anything")
	}
	s.charge(1, 1e9)
	for range 3 {
		s.charge(1, 2_000)
	}
	if s.dear() {
		t.Error("one pause of a second has made look-ups of 2 µs dear for longer than three of them")
	}
	for range 10 {
		s.charge(1, 1e6)
	}
	if !s.dear() {
		t.Error("look-ups of a millisecond are not dear")
	}
}

func TestAQueueOfTheSamePortOnAnotherWorkerGetsNoMore(t *testing.T) {
	s := NewShare()
	s.grant(1)
	s.charge(16, slice)
	if n := s.grant(1); n != 0 {
		t.Errorf("the second queue may have %d requests served in the round whose share the first used", n)
	}
}

package datapath

import "testing"

func TestAWorkerHasTimeForTheSlowPathWhenNoPacketsCome(t *testing.T) {
	var s leisure
	s.cycle(1000)
	if s.credit != 1000 {
		t.Errorf("%d ns after an idle microsecond, want all of it", s.credit)
	}
	s.busy = true
	s.cycle(17_000)
	if s.credit != 2000 {
		t.Errorf("%d ns after 16 busy µs more, want one more", s.credit)
	}
	s.spend(5000)
	s.busy = true
	s.cycle(17_000 + 16_000)
	if s.credit != -2000 {
		t.Errorf("%d ns after 5 µs were spent and 16 busy ones went by, want 2 µs owed", s.credit)
	}
	s.spend(1 << 40)
	s.cycle(1 << 41)
	if s.credit != leisureMost {
		t.Errorf("%d ns after a long rest, want %d: what a pause took is not owed for ever, and none is saved for long", s.credit, leisureMost)
	}
}

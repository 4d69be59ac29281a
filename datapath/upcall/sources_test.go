package upcall

import "testing"

func TestASenderLeavesRoomForOthersBehindItsPort(t *testing.T) {
	const limit = 512
	for _, floods := range []int{1, 2, 8, 32} {
		s := NewSources(limit, NewWaiting(nil, limit*2+2, 0))
		took := 0
		for more := true; more; {
			more = false
			for h := range floods {
				if s.Add(uint8(h)) {
					took++
					more = true
				}
			}
		}
		if s.Full() {
			t.Errorf("%d senders have filled the queue", floods)
		}
		if !s.Add(63) {
			t.Errorf("with %d senders that flood there is no place for another", floods)
		}
		if took < limit*3/4 {
			t.Errorf("%d senders may have %d of %d places", floods, took, limit)
		}
	}
}

func TestPlacesComeBack(t *testing.T) {
	for _, limit := range []int{1, 2, 8} {
		s := NewSources(limit, NewWaiting(nil, limit*2+2, 0))
		n := 0
		for s.Add(5) {
			n++
		}
		if n == 0 {
			t.Fatalf("limit %d: no place for the first", limit)
		}
		s.Remove(5)
		if !s.Add(5) {
			t.Errorf("limit %d: a place that was given back is not free", limit)
		}
	}
}

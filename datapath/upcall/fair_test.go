package upcall

import (
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

func TestAPortThatFloodsTheSlowPathLeavesRoomForOthers(t *testing.T) {
	const room, length = 4096, 2048
	for _, floods := range []int{1, 2, 8, 64} {
		w := NewWaiting(nil, room, 0)
		ports := make([]*Sources, floods)
		for i := range ports {
			ports[i] = NewSources(length, w)
		}
		hash, took := uint64(0), 0
		ask := func(s *Sources) bool {
			hash++
			if !s.Add(uint8(hash)) {
				return false
			}
			if !w.Add(hash, 0, new(int)) {
				t.Fatalf("%d ports: there is no place where there should be one", floods)
			}
			took++
			return true
		}
		for more := true; more; {
			more = false
			for _, s := range ports {
				more = ask(s) || more
			}
		}
		if want := min(length*7/8, room*2/3); took < want {
			t.Errorf("%d ports may have %d packets with the slow path, want %d and more", floods, took, want)
		}
		if !ask(NewSources(length, w)) {
			t.Errorf("with %d ports that flood the slow path there is no place for another's packet", floods)
		}
	}
}

func TestPacketsKeptOfOnePortLeaveRoomForThoseOfAnother(t *testing.T) {
	pool, err := frame.NewPool(frame.Options{Buffers: 1024, Huge: frame.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	frames, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	const room = 100
	w := NewWaiting(pool, 16, room)
	var flood, quiet int
	w.Add(1, 0, &flood)
	w.Add(2, 0, &flood)
	w.Add(3, 0, &quiet)
	hold := func(hash uint64) bool {
		f, ok := frames.Get()
		if !ok {
			t.Fatal("no buffer")
		}
		return w.Hold(hash, f, 0)
	}
	n := 0
	for hold(uint64(1 + n%2)) {
		n++
	}
	if n != flood || n < room*2/3 || !hold(3) {
		t.Errorf("%d packets of a port are kept, it counts %d; want as many, two thirds of %d or more, and room for another's", n, flood, room)
	}
	w.Remove(1)
	w.Remove(2)
	if flood != 0 || quiet != 1 {
		t.Errorf("%d and %d packets are kept when the flows of the first port have been answered, want 0 and 1", flood, quiet)
	}
}

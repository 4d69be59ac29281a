package virtq_test

import (
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// TestTheGuestIsToldWhenItWantsToBe goes through what a guest can ask for, and how often it is told.
func TestTheGuestIsToldWhenItWantsToBe(t *testing.T) {
	for _, s := range shapes(16) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			if w.device.Interrupt() {
				t.Error("an interrupt for nothing")
			}
			w.pass(3)
			// What the event index was compared with before the device began, it cannot know.
			if got := w.device.Interrupt(); got != s.driver.EventIndex && !s.packed {
				t.Errorf("first interrupt without being asked: %v", got)
			}
			w.reap(3)
			for round := range 100 {
				if w.guest.Calls(true) {
					t.Fatalf("round %d: chains came back by themselves", round)
				}
				w.pass(1 + round%5)
				if !w.device.Interrupt() {
					t.Fatalf("round %d: not told", round)
				}
				if w.device.Interrupt() {
					t.Fatalf("round %d: told twice", round)
				}
				if w.guest.Calls(false); round%2 == 0 && !w.guest.Calls(true) {
					t.Fatalf("round %d: the guest does not see what came back", round)
				}
				w.guest.Calls(false)
				w.reap(1 + round%5)
				w.pass(2)
				if w.device.Interrupt() {
					t.Fatalf("round %d: told though not asked to", round)
				}
				w.reap(2)
			}
		})
	}
}

// TestTheDeviceIsKickedWhenItWantsToBe is the same the other way round.
func TestTheDeviceIsKickedWhenItWantsToBe(t *testing.T) {
	for _, s := range shapes(16) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			if w.guest.Kick() {
				t.Error("a kick for nothing")
			}
			for round := range 100 {
				if w.device.Kicks(true) {
					t.Fatalf("round %d: something is ready", round)
				}
				w.offer(1 + round%5)
				if !w.guest.Kick() {
					t.Fatalf("round %d: not kicked", round)
				}
				if w.guest.Kick() {
					t.Fatalf("round %d: kicked twice", round)
				}
				if !w.device.Kicks(true) {
					t.Fatalf("round %d: the device does not see that something is ready", round)
				}
				w.device.Kicks(false)
				w.serve(1 + round%5)
				w.reap(1 + round%5)
				if w.offer(2); w.guest.Kick() && !s.driver.EventIndex {
					t.Fatalf("round %d: kicked though not asked to", round)
				}
				w.serve(2)
				w.reap(2)
			}
		})
	}
}

// TestAnEventFurtherOnIsWaitedFor has a guest that wants to hear of its fifth chain only.
func TestAnEventFurtherOnIsWaitedFor(t *testing.T) {
	w := newWorld(t, shape{driver: driver.Config{Size: 8, EventIndex: true}})
	event := w.field(w.config.Driver, 4+2*8)
	w.pass(1)
	w.device.Interrupt()
	w.reap(1)
	for i := range 200 {
		event[0], event[1] = byte(1+5*i+4), byte((1+5*i+4)>>8) // used entries from 1 on: the fifth from here
		for k := range 5 {
			w.pass(1)
			if got := w.device.Interrupt(); got != (k == 4) {
				t.Fatalf("round %d, chain %d: told %v", i, k, got)
			}
			w.reap(1)
		}
	}
}

// TestAPackedEventFurtherOnIsWaitedFor is the same for a packed ring, whose size is no power of two.
func TestAPackedEventFurtherOnIsWaitedFor(t *testing.T) {
	const size = 7
	w := newWorld(t, shape{packed: true, driver: driver.Config{Size: 8, EventIndex: true}})
	w.config.Size = size
	w.device = w.newDevice()
	r := newRaw(w)
	event := w.field(w.config.Driver, 0)
	for i := range 200 {
		want := i*3 + 2 // the third from here
		off := uint16(want%size) | uint16(1-want/size%2)<<15
		event[0], event[1], event[2] = byte(off), byte(off>>8), 2
		for k := range 3 {
			r.chain(link{addr: w.data, n: 8})
			w.serve(1)
			if got := w.device.Interrupt(); got != (k == 2) && i > 0 {
				t.Fatalf("round %d, chain %d: told %v", i, k, got)
			}
		}
	}
	for name, wish := range map[string][4]byte{"an event outside the ring": {size, 0, 2, 0}, "a reserved wish": {0, 0, 3, 0}, "enabled": {0, 0, 0, 0}} {
		copy(event, wish[:])
		r.chain(link{addr: w.data, n: 8})
		if w.serve(1); !w.device.Interrupt() {
			t.Errorf("%s: not told", name)
		}
	}
}

// field returns the guest's memory from off on in a part of the ring.
func (w *world) field(part, off uint64) []byte { return w.memory[part-userBase+off:] }

// pass sends n chains and gives them back.
func (w *world) pass(n int) {
	w.t.Helper()
	w.offer(n)
	w.serve(n)
}

package frontend

import "github.com/culvertdev/culvert/ring/frame"

// slots are the frames that a ring has, by the cookies the ring knows them by.
type slots struct {
	held []frame.Frame
	out  []bool   // the ring has the frame
	free []uint32 // cookies not in use, a stack
}

func newSlots(n int) slots {
	s := slots{held: make([]frame.Frame, n), out: make([]bool, n), free: make([]uint32, n)}
	for i := range s.free {
		s.free[i] = uint32(n - 1 - i)
	}
	return s
}

// room returns how many frames may still be put.
func (s *slots) room() int { return len(s.free) }

// put keeps f and returns its cookie. There is room.
func (s *slots) put(f frame.Frame) uint32 {
	c := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.held[c], s.out[c] = f, true
	return c
}

// take returns the frame of a cookie that put returned.
func (s *slots) take(cookie uint32) frame.Frame {
	s.out[cookie] = false
	s.free = append(s.free, cookie) // within its capacity
	return s.held[cookie]
}

// drain gives every frame to free and returns how many there were.
func (s *slots) drain(free func(frame.Frame)) (n int) {
	for c, out := range s.out {
		if out {
			free(s.take(uint32(c)))
			n++
		}
	}
	return n
}

package storm

import "github.com/culvertdev/culvert/ring/frame"

// A fifo is a queue of frames.
type fifo struct {
	slots      []frame.Frame // a circle; a power of two
	head, tail uint64        // taken and put so far
}

// newFIFO returns one for as many frames as the arena has buffers.
func newFIFO(buffers int) fifo { return fifo{slots: make([]frame.Frame, buffers)} }

func (q *fifo) len() int { return int(q.tail - q.head) }

func (q *fifo) push(f frame.Frame) {
	q.slots[q.tail&uint64(len(q.slots)-1)] = f
	q.tail++
}

func (q *fifo) pop() frame.Frame {
	q.head++
	return q.slots[(q.head-1)&uint64(len(q.slots)-1)]
}

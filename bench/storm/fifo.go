package storm

import "github.com/culvertdev/culvert/ring/frame"

// A fifo is a queue of frames, at most as many as the arena has buffers.
type fifo struct {
	slots      []frame.Frame // a circle
	head, tail uint64        // taken and put so far
}

func newFIFO() fifo { return fifo{slots: make([]frame.Frame, buffers)} }

func (q *fifo) len() int { return int(q.tail - q.head) }

func (q *fifo) push(f frame.Frame) {
	q.slots[q.tail%buffers] = f
	q.tail++
}

func (q *fifo) pop() frame.Frame {
	q.head++
	return q.slots[(q.head-1)%buffers]
}

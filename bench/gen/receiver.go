package gen

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// batches is how many batches a receiver takes in one turn.
const batches = 4

// A receiver takes frames from one queue.
type receiver struct {
	port  int // number
	queue pmd.RxQueue
	batch frame.Batch

	turns   uint64
	backlog uint64 // turns after which there was probably more
}

// turn receives and gives the frames to the sink, if they are the run's, and returns how many there were.
func (r *receiver) turn(t *thread, ours bool) (frames int) {
	n := 0
	for range batches {
		if n = r.queue.Recv(&r.batch); n == 0 {
			break
		}
		frames += n
		t.bodies.Soil(r.batch.Frames())
		if ours {
			t.sink.Take(r.port, &r.batch, t.clock.Cycles())
		}
		t.cache.PutBatch(&r.batch)
		if n < frame.MaxBatch {
			break
		}
	}
	if ours {
		r.turns++
		if n == frame.MaxBatch {
			r.backlog++
		}
	}
	return frames
}

package pmd

import (
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/frame"
)

const (
	// visitBatches is how many full batches a worker takes from one queue before it turns to the
	// next. A queue under load then costs the others at most 4*64 frames of delay: some 50 µs at 200 ns a
	// frame, and, where the kernel copies what is sent, 0.4 ms in Flush at 1.5 µs a frame (AF_XDP on
	// veth, culvert bench run --rows afxdp-packets). Each visit still pays for its cold caches with a few hundred frames. A queue
	// that gives less than a full batch is left at once: it is as good as empty, or has a bound of its
	// own on how long it may hold up the others.
	visitBatches = 4
	// publishEvery is how old published counters may be.
	publishEvery = 1_000_000 // ns
)

// cycle is one poll cycle.
func (w *Worker) cycle() {
	// 1. Read the clock, once, and charge the cycle that ends here.
	start := w.clock.Cycles()
	now := max(w.clock.At(start), w.now)
	w.charge(start, now)
	w.stages.Begin(start)
	// 2. Visit every queue.
	packets := 0
	for _, q := range w.queues {
		packets += w.visit(q)
	}
	w.count.Add(workerPackets, uint64(packets))
	// 3. Let the processor finish the cycle.
	work := packets + w.proc.Flush(now)
	w.busy = work > 0
	w.stages.End(packets, w.busy)
	if w.busy {
		w.idle.traffic(now)
	}
	// 4. Show what was counted, from time to time.
	if now >= w.publishAt {
		w.publish()
	}
}

// visit takes what one queue has, up to visitBatches batches, and returns the number of frames.
func (w *Worker) visit(q *queue) int {
	total := 0
	polls := uint64(0)
	for polls < visitBatches {
		polls++
		w.stages.Enter(stage.Receive)
		n := q.rx.Recv(&w.batch)
		w.stages.Enter(stage.Rest)
		if n == 0 {
			w.count.Add(workerEmptyPolls, 1)
			break
		}
		total += n
		w.proc.Process(q.port, &w.batch)
		if n < frame.MaxBatch {
			break
		}
	}
	w.count.Add(workerPolls, polls)
	if total > 0 {
		// One more look at the counter per visit with frames, for placement. Looks at empty queues
		// are charged to the next queue that has some: they are a few nanoseconds each.
		end := w.clock.Cycles()
		q.load.Add(queueCycles, uint64(max(0, end-w.mark)))
		q.load.Add(queuePackets, uint64(total))
		w.mark = end
	}
	return total
}

// charge books the time since the current cycle began and begins the next.
func (w *Worker) charge(start, now int64) {
	spent := uint64(max(0, start-w.start))
	if w.busy {
		w.count.Add(workerCyclesBusy, spent)
	} else {
		w.count.Add(workerCyclesIdle, spent)
	}
	w.cycleTime.add(now - w.now)
	w.start, w.mark, w.now = start, start, now
}

// resync begins a cycle without charging the time since the last one: the worker slept, or ran a call.
func (w *Worker) resync() {
	w.start = w.clock.Cycles()
	w.mark = w.start
	w.now = max(w.clock.At(w.start), w.now)
	w.busy = false
}

// publish shows readers what was counted, queues' own counters included.
func (w *Worker) publish() {
	w.publishAt = w.now + publishEvery
	for _, q := range w.queues {
		q.publish()
	}
	w.count.Publish()
	w.stages.Publish()
	w.cycleTime.publish()
	w.wakeTime.publish()
}

func (q *queue) publish() {
	q.rx.Counters().Publish()
	q.load.Publish()
}

package pmd

import (
	"sync"
	"sync/atomic"
	"time"
)

// settleTime is how long a queue that changes workers waits at most: a packet that does not come back from the slow path by then is not
// worth what the queue would lose meanwhile.
const settleTime = 5 * time.Millisecond

// settleAgain is the time between two looks.
const settleAgain = 20 * time.Microsecond

// settled waits until worker from has nothing left of a port, and the others have sent what it gave them: not only the one that gets the
// queue, since that may send by another's transmit queue, or by one of its own where from gave its packets to a third. It reports false
// if that takes too long. The others are asked all the same: what they have is of flows that may well be settled.
func settled(workers []*Worker, from int, port uint32, patience time.Duration) bool {
	end := time.Now().Add(patience)
	yes := until(end, workers[from], func(s Settler) bool { return s.Settled(port) })
	var asked sync.WaitGroup
	var late atomic.Bool
	for i, w := range workers {
		if i == from {
			continue
		}
		asked.Go(func() { // side by side: each answers when its poll cycle ends, and the queue is nobody's meanwhile
			if !until(end, w, Settler.TakeOver) {
				late.Store(true)
			}
		})
	}
	asked.Wait()
	return yes && !late.Load()
}

// until asks a worker's processor between two cycles, once at least, until it says yes, or the end has come. One that is no Settler has nothing to say, and
// one that does not run keeps what it has.
func until(end time.Time, w *Worker, ask func(Settler) bool) (yes bool) {
	s, ok := w.proc.(Settler)
	if !ok || !w.runs() {
		return true
	}
	for {
		w.Do(func() { yes = ask(s) })
		if yes || !time.Now().Before(end) {
			return yes
		}
		time.Sleep(settleAgain)
	}
}

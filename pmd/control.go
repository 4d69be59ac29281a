package pmd

import (
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/ring/counter"
)

// A call is a function to run between two cycles.
type call struct {
	fn   func()
	done chan struct{}
}

// Do runs fn on the worker between two poll cycles and returns when it is done; a sleeping worker wakes
// for it. While the worker is stopped, fn runs on the caller's goroutine, and the worker does not start
// before it returns. fn holds up the worker's queues: it should be short. It must not call Do, Start,
// Stop, AddQueue or RemoveQueue of this worker.
func (w *Worker) Do(fn func()) {
	w.mu.Lock()
	if !w.running {
		defer w.mu.Unlock()
		fn()
		return
	}
	c := &call{fn, make(chan struct{})}
	w.calls = append(w.calls, c)
	w.called.Store(true)
	w.mu.Unlock()
	w.Wake()
	<-c.done
}

// runs reports whether the worker runs.
func (w *Worker) runs() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running
}

// Wake makes a sleeping worker run a cycle: it looks at its queues and at its processor's Flush. While
// the worker is awake it costs one load.
func (w *Worker) Wake() {
	if !w.asleep.Load() || !w.asleep.CompareAndSwap(true, false) {
		return
	}
	w.ringing.Lock()
	w.rang.Store(w.clock.Now())
	w.waiter.ring()
	w.ringing.Unlock()
}

// AddQueue gives q to the worker, which hands what it receives to the Processor as coming from port.
// q must be comparable, and its FD must stay the same until RemoveQueue.
func (w *Worker) AddQueue(port uint32, q RxQueue) error {
	return w.attach(&queue{rx: q, port: port, fd: -1, load: counter.NewBlock(queueCounters[:])})
}

// RemoveQueue takes q from the worker and returns when the worker has let go of it: what was received
// has been processed, q's counters are published. It reports whether the worker had it.
func (w *Worker) RemoveQueue(q RxQueue) bool { return w.detach(q) != nil }

func (w *Worker) attach(q *queue) (err error) {
	w.Do(func() {
		if w.find(q.rx) >= 0 {
			err = fmt.Errorf("add queue of port %d to worker %d: the worker has it", q.port, w.cfg.ID)
			return
		}
		if err = w.watch(q); err != nil {
			err = fmt.Errorf("add queue of port %d to worker %d: %w", q.port, w.cfg.ID, err)
			return
		}
		w.queues = append(w.queues, q)
		w.relist()
	})
	return err
}

// detach returns the queue that holds rx, nil when the worker has none.
func (w *Worker) detach(rx RxQueue) (q *queue) {
	w.Do(func() {
		i := w.find(rx)
		if i < 0 {
			return
		}
		q = w.queues[i]
		w.queues = slices.Delete(w.queues, i, i+1)
		w.unwatch(q)
		q.publish()
		w.relist()
	})
	return q
}

func (w *Worker) find(rx RxQueue) int {
	return slices.IndexFunc(w.queues, func(q *queue) bool { return q.rx == rx })
}

// relist shows readers which queues there are.
func (w *Worker) relist() {
	list := slices.Clone(w.queues)
	w.list.Store(&list)
}

// watch makes q's descriptor wake the worker. While the worker is stopped that is for openWaiter.
func (w *Worker) watch(q *queue) error {
	fd := q.rx.FD()
	if fd < 0 || !w.waiter.isOpen() {
		return nil
	}
	if !w.watched(fd) {
		if err := w.waiter.add(fd); err != nil {
			return err
		}
	}
	q.fd = fd
	return nil
}

func (w *Worker) unwatch(q *queue) {
	fd := q.fd
	q.fd = -1
	if fd >= 0 && !w.watched(fd) {
		w.waiter.remove(fd)
	}
}

// deafen stops waiting for a descriptor that signals nothing but an error: the device behind it is
// gone or down. The error stays until somebody takes it away, so waiting for it would be spinning.
func (w *Worker) deafen(fd int) {
	for _, q := range w.queues {
		if q.fd == fd {
			w.unwatch(q)
			q.deafAt = w.now
		}
	}
}

// listen waits again for what was deafened long enough ago, and reports whether there are queues that
// cannot wake the worker.
func (w *Worker) listen() (timed bool) {
	for _, q := range w.queues {
		if q.fd >= 0 {
			continue
		}
		if w.now-q.deafAt >= housekeeping && w.watch(q) != nil {
			q.deafAt = w.now // not now, then
		}
		timed = timed || q.fd < 0
	}
	return timed
}

// watched reports whether a queue of the worker has put fd into the waiter: queues may share one.
func (w *Worker) watched(fd int) bool {
	return slices.ContainsFunc(w.queues, func(q *queue) bool { return q.fd == fd })
}

// openWaiter prepares sleeping, on the queues there are.
func (w *Worker) openWaiter() error {
	w.ringing.Lock()
	defer w.ringing.Unlock()
	if err := w.waiter.open(); err != nil {
		return err
	}
	for _, q := range w.queues {
		q.fd = -1
		if err := w.watch(q); err != nil {
			w.waiter.close()
			return err
		}
	}
	return nil
}

// closeWaiter closes the descriptors; a Wake that comes late finds no bell.
func (w *Worker) closeWaiter() {
	w.ringing.Lock()
	defer w.ringing.Unlock()
	w.waiter.close()
	for _, q := range w.queues {
		q.fd = -1
	}
}

// control runs what others asked for. It reports whether the worker is to end, and has then made it
// look stopped to everybody.
func (w *Worker) control() (end bool) {
	w.mu.Lock()
	w.called.Store(false)
	calls := w.calls
	w.calls = nil
	if w.stop {
		// Under the lock, so that later calls find the worker stopped and all its state at rest.
		defer w.mu.Unlock()
		w.run(calls)
		w.publish()
		w.closeWaiter()
		w.stop, w.running = false, false
		return true
	}
	w.mu.Unlock()
	w.run(calls)
	return false
}

// run runs calls, after the poll cycle that ends here has been charged.
func (w *Worker) run(calls []*call) {
	start := w.clock.Cycles()
	w.charge(start, max(w.clock.At(start), w.now))
	for _, c := range calls {
		c.fn()
		close(c.done)
	}
	w.resync()
	w.count.Add(workerCyclesControl, uint64(max(0, w.start-start)))
}

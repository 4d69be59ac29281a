package pmd

import (
	"context"
	"log/slog"
	"time"
)

// sleep arms all queues and waits until one of them, a Wake or the housekeeping time comes. It returns
// at once when there is something to do.
func (w *Worker) sleep() {
	// 1. From here on whoever brings work rings the bell. What was brought before shows in step 2: the
	// store here and the loads there are ordered, as are the waker's (sync/atomic is sequentially
	// consistent).
	w.asleep.Store(true)
	// 2. Anything to do? Arming before Park, so that the processor's look is the last.
	if w.called.Load() || w.armed() || w.proc.Park() {
		w.asleep.Store(false)
		return
	}
	// 3. Readers see everything while nothing changes.
	w.publish()
	// 4. Sleep.
	start := w.clock.Now()
	length := w.idle.sleepFor(w.listen())
	by := w.waiter.wait(length)
	w.asleep.Store(false)
	w.proc.Resume()
	// 5. Book it.
	w.resync()
	w.count.Add(workerSleeps, 1)
	w.count.Add(workerSleepNs, uint64(max(0, w.now-start)))
	w.learn(by, start, length)
	for _, fd := range w.waiter.failed() {
		w.deafen(int(fd))
	}
}

// armed arms every queue and reports whether one has frames already.
func (w *Worker) armed() (ready bool) {
	for _, q := range w.queues {
		if q.rx.Arm() {
			return true
		}
	}
	return false
}

// learn draws conclusions from a sleep that began at start and was to last length.
func (w *Worker) learn(by wakeReason, start, length int64) {
	switch by {
	case wokenByTimer:
		w.wakeMeasured(w.now - (start + length))
	case wokenByBell:
		// A bell rung before the sleep, while the worker was still making up its mind, says nothing
		// about waking up: the worker has been busy since.
		if rang := w.rang.Load(); rang >= start {
			w.wakeMeasured(w.now - rang)
		}
		w.idle.woke(w.now - start)
	case wokenByQueue:
		w.idle.woke(w.now - start)
	}
}

// wakeMeasured takes in how long a wake-up took, in nanoseconds.
func (w *Worker) wakeMeasured(latency int64) {
	latency = max(0, latency)
	w.wakeTime.add(latency)
	if !w.idle.measured(latency, w.now) {
		return
	}
	w.verdict()
}

// verdict tells people that the worker has stopped sleeping, or sleeps again.
func (w *Worker) verdict() {
	w.spins.Store(w.idle.slow)
	wake, budget := time.Duration(w.idle.wake), time.Duration(w.idle.budget)
	level, what := slog.LevelInfo, "waking up fits the latency budget again: the worker sleeps when idle"
	if w.idle.slow {
		w.count.Add(workerOverBudget, 1)
		level, what = slog.LevelWarn, "waking up takes longer than the latency budget: the worker spins"
	}
	if !w.telling.CompareAndSwap(false, true) {
		return // who reads the log is slow
	}
	go func() { // the worker does not wait for that
		w.log.Log(context.Background(), level, what, "wake", wake, "budget", budget)
		w.telling.Store(false)
	}()
}

// calibrate measures how long waking up takes before the worker trusts it.
func (w *Worker) calibrate() {
	if w.idle.budget == 0 {
		return
	}
	for range probeCount {
		start := w.clock.Now()
		if w.waiter.wait(probeSleep) != wokenByTimer {
			continue // a queue has frames already
		}
		w.now = w.clock.Now()
		latency := max(0, w.now-start-probeSleep)
		w.wakeTime.add(latency)
		if w.idle.probe(latency, w.now) {
			w.verdict()
		}
	}
}

package pmd

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
)

func TestFramesOfAllQueuesArriveInOrder(t *testing.T) {
	for _, latency := range []time.Duration{0, time.Minute} {
		t.Run(fmt.Sprintf("latency budget %v", latency), func(t *testing.T) {
			pool := newPool(t)
			s := newSink(t, pool)
			w := newTestWorker(t, latency, s)
			queues := []*fakeQueue{newFakeQueue(t, 0, true), newFakeQueue(t, 1, true), newFakeQueue(t, 2, true)}
			if err := w.Start(); err != nil {
				t.Fatal(err)
			}
			const each = 5000
			var wg sync.WaitGroup
			for i, q := range queues {
				if err := w.AddQueue(uint32(i), q); err != nil {
					t.Fatal(err)
				}
				c := newCache(t, pool)
				wg.Go(func() {
					for q.next < each {
						if !q.put(pool, c) || q.next%100 == 0 {
							time.Sleep(50 * time.Microsecond)
						}
					}
				})
			}
			wg.Wait()
			eventually(t, "all frames arrive", func() bool { return s.got.Load() == 3*each })
			w.Stop()
			stats := w.Stats()
			if stats.Packets != 3*each {
				t.Errorf("worker counted %d packets, want %d", stats.Packets, 3*each)
			}
			for i, q := range stats.Queues {
				if q.Packets != each || q.Queue.Counters().Value(RxPackets) != each {
					t.Errorf("queue %d: counted %d packets, published %d, want %d",
						i, q.Packets, q.Queue.Counters().Value(RxPackets), each)
				}
			}
		})
	}
}

func TestDoRunsBetweenCyclesFromManyGoroutines(t *testing.T) {
	for _, latency := range []time.Duration{0, time.Minute} {
		t.Run(fmt.Sprintf("latency budget %v", latency), func(t *testing.T) {
			w := newTestWorker(t, latency, newSink(t, newPool(t)))
			plain := 0 // unguarded: the race detector sees whether calls overlap
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 200 {
						w.Do(func() { plain++ })
					}
				})
			}
			// Starts and stops underneath: no call is lost, none hangs.
			for range 5 {
				if err := w.Start(); err != nil {
					t.Error(err)
				}
				time.Sleep(2 * time.Millisecond)
				w.Stop()
			}
			wg.Wait()
			if plain != 800 {
				t.Errorf("%d calls ran, want 800", plain)
			}
		})
	}
}

func TestStartAndStopMayBeRepeated(t *testing.T) {
	pool := newPool(t)
	s := newSink(t, pool)
	w := newTestWorker(t, time.Minute, s)
	q, c := newFakeQueue(t, 0, true), newCache(t, pool)
	if err := w.AddQueue(1, q); err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		if err := w.Start(); err == nil || !strings.Contains(err.Error(), "running") {
			t.Fatalf("second start: got %v, want an error that says it is running", err)
		}
		q.put(pool, c)
		eventually(t, "the frame arrives", func() bool { return s.got.Load() == i+1 })
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(w.Stop)
		}
		wg.Wait()
	}
}

func TestStartFailsOnACPUThatIsNotThere(t *testing.T) {
	w := NewWorker(WorkerConfig{CPU: 1023, Clock: testClock}, newSink(t, newPool(t)))
	if err := w.Start(); err == nil || !strings.Contains(err.Error(), "CPU 1023") {
		t.Errorf("got %v, want an error that names CPU 1023", err)
	}
	w.Do(func() {}) // still works
}

func TestAQueueIsAddedOnceAndRemovedOnce(t *testing.T) {
	w := newTestWorker(t, time.Minute, newSink(t, newPool(t)))
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	q := newFakeQueue(t, 0, true)
	if err := w.AddQueue(1, q); err != nil {
		t.Fatal(err)
	}
	if err := w.AddQueue(1, q); err == nil {
		t.Error("a queue was added twice")
	}
	if !w.RemoveQueue(q) {
		t.Error("the queue was not found")
	}
	if w.RemoveQueue(q) {
		t.Error("the queue was found again after it was removed")
	}
	bad := newFakeQueue(t, 1, false)
	bad.fd = 1 << 20
	if err := w.AddQueue(1, bad); err == nil || !strings.Contains(err.Error(), "wait for descriptor") {
		t.Errorf("a queue with a bad descriptor: got %v, want an error that names the descriptor", err)
	}
	if n := len(w.Stats().Queues); n != 0 {
		t.Errorf("%d queues are left, want 0", n)
	}
}

func TestStopWhileBusy(t *testing.T) {
	pool := newPool(t)
	s := newSink(t, pool)
	w := newTestWorker(t, 0, s)
	q, c := newFakeQueue(t, 0, true), newCache(t, pool)
	if err := w.AddQueue(1, q); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	var end atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !end.Load() {
			q.put(pool, c)
		}
	})
	eventually(t, "the worker is busy", func() bool { return s.got.Load() > 0 })
	w.Stop()
	end.Store(true)
	wg.Wait()
	if w.Stats().BusyCycles == 0 {
		t.Error("no busy cycle was counted")
	}
	// What the stopped worker left in the queue is the test's.
	var b frame.Batch
	for q.Recv(&b) > 0 {
		c.PutBatch(&b)
	}
}

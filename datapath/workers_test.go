package datapath_test

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/pmd/memport"
)

// numbered returns a packet of a flow with a number in its payload.
func numbered(t testing.TB, flow uint16, n int) []byte {
	p := udp(t, 1, 2, flow, 4)
	binary.BigEndian.PutUint32(p[len(p)-4:], uint32(n))
	return p
}

// order checks that packets of each flow come in rising order; gaps are allowed.
type order map[uint16]int

func (o order) check(t testing.TB, p []byte) {
	t.Helper()
	flow, n := binary.BigEndian.Uint16(p[34:]), int(binary.BigEndian.Uint32(p[len(p)-4:]))
	if last, ok := o[flow]; ok && n <= last {
		t.Fatalf("flow %d: packet %d came after packet %d", flow, n, last)
	}
	o[flow] = n
}

func TestWorkersShareATransmitQueue(t *testing.T) {
	// Port a has a queue for each of three workers, port b one queue: two workers hand over theirs.
	for name, latency := range map[string]time.Duration{"workers that spin": -1, "workers that sleep": time.Second} {
		t.Run(name, func(t *testing.T) {
			o := datapath.Options{Workers: datapath.WorkersConfig{Count: 3, Latency: latency, Rebalance: -1}}
			l := newLab(t, o, newScript(t, 1, toPort(2)))
			l.add("a", memport.Options{Queues: 3})
			l.add("b", memport.Options{})
			const bursts, burst = 60, 40
			got, seen := 0, order{}
			for i := range bursts {
				var senders sync.WaitGroup
				for q, from := range l.peers["a"].Queues() {
					senders.Go(func() {
						for j := range burst {
							from.SendBytes(numbered(t, uint16(q), i*burst+j))
						}
					})
				}
				senders.Wait()
				if i%10 == 0 {
					time.Sleep(3 * time.Millisecond) // long enough to fall asleep
				}
				waitUntil(t, "the burst is through", func() bool {
					for _, p := range l.peers["b"].RecvBytes() {
						seen.check(t, p)
						got++
					}
					return got == 3*burst*(i+1)
				})
			}
			for _, w := range l.sw.Stats().Workers {
				if w.Packets == 0 {
					t.Errorf("worker %d received nothing: the test shows less than it should", w.ID)
				}
			}
		})
	}
}

func TestASleepingWorkerMissesNothing(t *testing.T) {
	// One packet at a time, with pauses from none to well beyond falling asleep; each needs a wake-up of
	// the receiving worker, of the slow path, of the worker again for the answer, and of the one that
	// has the transmit queue.
	o := datapath.Options{Workers: datapath.WorkersConfig{Count: 2, Latency: time.Second}}
	l := newLab(t, o, newScript(t, 1, toPort(2)))
	l.add("a", memport.Options{Queues: 2})
	l.add("b", memport.Options{})
	for i := range 400 {
		l.peers["a"].Queues()[i%2].SendBytes(numbered(t, uint16(i), i))
		l.receive("b", 1)
		time.Sleep(time.Duration(i%7) * 100 * time.Microsecond)
	}
	slept := uint64(0)
	for _, w := range l.sw.Stats().Workers {
		slept += w.Sleeps
	}
	if slept == 0 {
		t.Error("no worker slept: the test shows nothing")
	}
}

func TestAFlowOnTwoWorkersIsLearntOnceAndServesBoth(t *testing.T) {
	table := newScript(t, 1, toPort(2))
	l := newLab(t, twoWorkers, table)
	l.add("a", memport.Options{Queues: 2})
	l.add("b", memport.Options{Queues: 2})
	for i := range 20 {
		l.peers["a"].Queues()[i%2].SendBytes(udp(t, 1, 2, 7, 20))
	}
	got := 0
	waitUntil(t, "all packets through", func() bool {
		for _, q := range l.peers["b"].Queues() {
			got += len(q.RecvBytes())
		}
		return got == 20
	})
	if n := table.asked(); n != 1 {
		t.Errorf("the table was asked %d times, want once", n)
	}
	l.sw.Sync()
	if got := table.total().packets; got != 20 {
		t.Errorf("%d packets credited, want 20", got)
	}
}

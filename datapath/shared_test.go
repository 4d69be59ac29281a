package datapath

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
)

// promptly is a table that workers may ask. It counts who asks.
type promptly struct {
	byPort
	asked, hasty atomic.Int64
	credited     atomic.Int64
	late         bool // credits have to wait
	held         bool // those that do not wait are turned away
	each         bool // each packet has a program of its own, which is not cached
}

// TryCredit leaves it to Credit where the table is held.
func (t *promptly) TryCredit(_ []uint64, packets, _ uint64, _ int64) bool {
	if !t.late {
		t.credited.Add(int64(packets))
	}
	return !t.late
}

func (t *promptly) Credit(_ []uint64, packets, _ uint64, _ int64) { t.credited.Add(int64(packets)) }

func (t *promptly) Lookup(q *rules.Query, v *rules.Verdict) error {
	n := t.asked.Add(1)
	if q.NoWait {
		t.hasty.Add(1)
		if t.held {
			return rules.ErrWait
		}
	}
	if t.each {
		v.NoCache = true
		v.Actions.Trunc(uint32(1000 + n))
	}
	return t.byPort.Lookup(q, v)
}

func newSharedRig(t *testing.T, table rules.Table) *rig {
	r := newServedRig(t, table, CacheConfig{Flows: 1 << 10, EMCInsert: 1}, ByWorkersAndThread)
	r.out.keep = true
	r.now = r.w.clock()
	r.w.Flush(r.now)
	r.w.leisure.credit = leisureMost
	return r
}

// send lets one packet come in by port 1 and a poll cycle end a microsecond later.
func (r *rig) send(packet []byte) {
	f, _ := r.gen.FromBytes(packet)
	r.batch.Append(f)
	r.w.Process(1, &r.batch)
	r.now += 1000
	r.w.Flush(r.now)
}

func TestTheFirstPacketOfAFlowGoesOnInTheCycleInWhichItCame(t *testing.T) {
	table := &promptly{}
	r := newSharedRig(t, table)
	r.send(testPacket)
	if len(r.out.got) != 1 || table.hasty.Load() != 1 || r.w.waiting.Len() != 0 {
		t.Errorf("%d packets have left and %d wait after one cycle, the worker has asked %d times; want 1, 0 and 1", len(r.out.got), r.w.waiting.Len(), table.hasty.Load())
	}
}

func TestWhatWouldHoldUpAWorkerIsLeftToTheThread(t *testing.T) {
	for _, c := range []struct {
		name  string
		table *promptly
		hide  bool  // that workers may ask it
		owed  int64 // ns, time that the worker has spent before
		hasty bool  // the worker asks
	}{
		{"a table that others hold", &promptly{held: true}, false, 0, true},
		{"a table that may take its time", &promptly{}, true, 0, false},
		{"one too many, while packets come", &promptly{}, false, 2 * leisureMost, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var table rules.Table = c.table
			if c.hide {
				table = struct{ rules.Table }{c.table}
			}
			r := newSharedRig(t, table)
			r.w.leisure.spend(c.owed)
			r.send(testPacket)
			for end := time.Now().Add(10 * time.Second); len(r.out.got) == 0 && time.Now().Before(end); {
				r.w.leisure.busy = true
				r.w.Flush(r.now)
			}
			if len(r.out.got) != 1 || r.w.waiting.Len() != 0 {
				t.Fatalf("%d packets have left, %d wait, want 1 and 0", len(r.out.got), r.w.waiting.Len())
			}
			if c.hasty != (c.table.hasty.Load() > 0) {
				t.Errorf("the worker has asked %d times, want that: %v", c.table.hasty.Load(), c.hasty)
			}
			if n := c.table.asked.Load() - c.table.hasty.Load(); n != 1 {
				t.Errorf("the thread has asked %d times, want once", n)
			}
		})
	}
}

func TestTrafficThatAWorkerCannotCreditWithoutWaitingIsCreditedByTheThread(t *testing.T) {
	table := &promptly{each: true, late: true}
	r := newSharedRig(t, table)
	const packets = 300
	pass := func() {
		r.w.leisure.credit = leisureMost
		r.send(testPacket)
		for end := time.Now().Add(10 * time.Second); r.w.waiting.Len() > 0 && time.Now().Before(end); {
			r.w.leisure.credit = leisureMost
			r.w.Flush(r.now)
		}
	}
	for range packets {
		pass()
	}
	if len(r.out.got) != packets || table.hasty.Load() == 0 {
		t.Fatalf("%d packets left, want %d; the worker has asked %d times", len(r.out.got), packets, table.hasty.Load())
	}
	for end := time.Now().Add(10 * time.Second); table.credited.Load() < packets && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := table.credited.Load(); n != packets {
		t.Errorf("%d packets credited, want %d", n, packets)
	}
	// Who holds the lock knows of all.
	pass()
	r.sw.slow.Locked(func() {
		if n := table.credited.Load(); n != packets+1 {
			t.Errorf("%d packets credited, want %d", n, packets+1)
		}
	})
}

// TestNoProgramIsKeptOfPacketsThatAreGone: a worker gives programs back when it has the lock, which others take here.
func TestNoProgramIsKeptOfPacketsThatAreGone(t *testing.T) {
	r := newSharedRig(t, &promptly{each: true})
	kept := func() (n int) {
		r.sw.slow.Locked(func() { n = r.sw.lists.Len() })
		return n
	}
	before := kept()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				r.sw.slow.Locked(func() { time.Sleep(10 * time.Microsecond) })
			}
		}
	}()
	const packets = 500
	served := func() {
		r.send(testPacket)
		for end := time.Now().Add(10 * time.Second); r.w.waiting.Len() > 0 && time.Now().Before(end); {
			r.w.Flush(r.now)
		}
	}
	for range packets {
		r.w.leisure.credit = leisureMost
		served()
	}
	close(stop)
	<-stopped
	r.w.leisure.credit = leisureMost
	served() // by the worker, with nobody in the way
	r.w.leisure.credit = -leisureMost
	served() // by the thread, which gives back what earlier answers held
	if len(r.out.got) != packets+2 {
		t.Fatalf("%d packets left, want %d", len(r.out.got), packets+2)
	}
	if n := kept() - before; n > 1 {
		t.Errorf("%d programs of %d packets are kept, want that of the last at most", n, packets+2)
	}
}

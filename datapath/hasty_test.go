package datapath

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// atLeisure is atOnce for a table that others hold for long while traffic is credited.
type atLeisure struct {
	atOnce
	held atomic.Bool
	free chan struct{}
}

func (t *atLeisure) Credit([]uint64, uint64, uint64, int64) {
	if t.held.Load() {
		<-t.free
	}
}

// Room in a full cache is that of flows that were removed. Their tables are told of their last packets first.
func TestAWorkerDoesNotWaitForTablesToMakeRoomInTheCache(t *testing.T) {
	var mask flow.Mask
	mask.SetExact(flow.FieldIPSrc)
	table := &atLeisure{atOnce: atOnce{byPort{mask}}, free: make(chan struct{})}
	const room = 64
	r := newServedRig(t, table, CacheConfig{Flows: room, EMCInsert: -1}, ByWorkersAndThread)
	cycle := func() {
		r.now += int64(time.Millisecond) // leisure enough
		r.cycle(testPacket, 4*room)
	}
	for range 4 * room / frame.MaxBatch * 4 {
		cycle()
	}
	full := r.sw.flows.Len()
	r.sw.slow.Locked(func() {
		table.held.Store(true)
		for s := flowcache.Slot(1); s < r.sw.flows.Bound(); s++ {
			r.sw.flows.Remove(s)
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 4 * room / frame.MaxBatch * 2 {
			cycle()
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Errorf("the worker waits for a table, with %d flows of %d", full, room)
	}
	close(table.free)
	<-done
	for start := time.Now(); r.w.waiting.Len() > 0; cycle() {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d flows wait for the slow path", r.w.waiting.Len())
		}
	}
}

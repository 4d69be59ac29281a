package datapath

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// TestPacketsOfAnExpectedFlowAreOfTheVersionItStoodIn: walks come by all the time, each of which removes the port's flow, is settled and
// leaves a flow of its own number. A packet that meets a flow is of that flow's number, and never of the walk's that has removed it.
func TestPacketsOfAnExpectedFlowAreOfTheVersionItStoodIn(t *testing.T) {
	table := &byPort{}
	r := newRig(t, table, 0)
	var key flow.Key
	key.SetUint(flow.FieldInPort, 1)
	key[flow.Base][flow.OffBlocks] = 1 << flow.Base
	edition := uint64(1)
	walk := func() {
		edition++
		n := r.sw.book.Note(table, edition)
		r.sw.book.Begin()
		if s, ok := r.sw.flows.Find(&key); ok {
			r.sw.flows.Remove(s)
		}
		r.sw.book.Settle()
		if _, err := r.sw.flows.Insert(&flowcache.Flow{Key: key, Version: uint32(n)}); err != nil {
			t.Error(err)
		}
		r.sw.flows.Reclaim()
	}
	var stop atomic.Bool
	var walks sync.WaitGroup
	r.sw.slow.Locked(walk)
	walks.Go(func() {
		for !stop.Load() {
			time.Sleep(5 * time.Microsecond)
			r.sw.slow.Locked(walk)
		}
	})
	w, guessed := r.w, 0
	for until := time.Now().Add(500 * time.Millisecond); time.Now().Before(until) && !t.Failed(); {
		for range frame.MaxBatch {
			f, ok := r.gen.FromBytes(testPacket)
			if !ok {
				t.Fatal("arena exhausted")
			}
			w.journeys.Of(f).Clear()
			r.batch.Append(f)
		}
		frames := r.batch // frames keep what they have met when they are freed
		w.pass(1, 0, 0, &r.batch)
		if w.keys.Same != 0 {
			guessed++
		}
		for i, f := range frames.Frames() {
			if w.slots[i] == 0 {
				continue // it is the slow path's
			}
			j := w.journeys.Of(f)
			if _, number := w.flows.Verdict(w.slots[i]); j.At() != version.Number(number) {
				t.Errorf("a packet of a flow of number %d is of version %d", number, j.At())
				break
			}
		}
		for w.Flush(r.now); w.waiting.Len() > 0; {
			w.Flush(r.now)
		}
	}
	stop.Store(true)
	walks.Wait()
	if guessed == 0 {
		t.Error("no packet was of a flow that was expected")
	}
}

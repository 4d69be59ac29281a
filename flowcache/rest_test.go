package flowcache

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// A crowd is packets of many flows, in turn, that all fall under one megaflow.
type crowd struct {
	t     *testing.T
	e     *EMC
	slot  Slot
	keys  flow.Keys
	slots [frame.MaxBatch]Slot
	seed  flow.Seed
	next  uint32
}

func newCrowd(t *testing.T, entries int) *crowd {
	m := mustNew(t, Options{})
	c := &crowd{t: t, seed: flow.FixedSeed(1)}
	c.slot, _ = put(t, m, newKey(1, 1), flow.Mask{})
	c.e = NewEMC(entries, 1, m)
	return c
}

// batch looks up the next packets of so many flows, enters those that are not known, and returns how many were.
func (c *crowd) batch(flows uint32) (hits int) {
	c.t.Helper()
	keys := make([]flow.Key, frame.MaxBatch)
	for i := range keys {
		keys[i] = newKey(1, 1)
		binary.BigEndian.PutUint32(keys[i][flow.Base][flow.OffIPSrc:], c.next%flows)
		c.next++
	}
	setKeys(&c.keys, keys...)
	miss := c.e.Lookup(&c.keys, 0, &c.slots, nil)
	known := len(keys) - len(miss)
	for _, i := range miss {
		c.slots[i] = c.slot
		c.e.Insert(&c.keys, int(i), c.slot)
	}
	for i, s := range c.slots {
		if s != c.slot {
			c.t.Fatalf("packet %d is of flow %d, want %d", i, s, c.slot)
		}
	}
	return known
}

func TestTheExactMatchCacheRestsWhileItFindsNothing(t *testing.T) {
	c := newCrowd(t, 256)
	few, many := uint32(128), uint32(1<<20)
	run := func(flows uint32, batches int) (hits int) {
		for range batches {
			hits += c.batch(flows)
		}
		return hits
	}
	if run(few, 1000); c.e.rest.resting {
		t.Fatal("it rests though it knows the flows")
	}
	run(many, 1000)
	if !c.e.rest.resting {
		t.Fatal("it does not rest though it knows next to none of a million flows")
	}
	before := c.e.Replaced()
	run(many, 160)
	if entered := c.e.Replaced() - before; entered > 11*frame.MaxBatch {
		t.Errorf("%d of %d packets were entered while it rests", entered, 160*frame.MaxBatch)
	}
	run(few, 4000)
	if c.e.rest.resting {
		t.Error("it still rests though the flows are few again")
	}
	if hits := run(few, 100); hits < 90*frame.MaxBatch {
		t.Errorf("%d of %d packets were known", hits, 100*frame.MaxBatch)
	}
}

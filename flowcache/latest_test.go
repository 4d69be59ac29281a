package flowcache

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// latestOf returns what Latest finds for keys, all from port 1.
func latestOf(r *Reader, gone uint64, keys ...flow.Key) (slots [frame.MaxBatch]Slot, found uint64) {
	var k flow.Keys
	setKeys(&k, keys...)
	found = r.Latest(&k, 1, gone, &slots)
	return slots, found
}

func TestPacketsOfThePortsLatestFlowAreFoundFirst(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	v6 := newKey(1, 1<<flow.Base|1<<flow.Net6)
	mask := prefix(8)
	mask[flow.Net6][flow.OffIP6Dst] = 0xff
	s, _ := put(t, m, v6, mask)
	same, otherNet, other := v6, v6, v6
	same[flow.Net6][flow.OffIP6Dst+1] = 7
	otherNet[flow.Net6][flow.OffIP6Dst] = 7
	other[flow.Base][flow.OffIPDst] = 7
	if _, found := latestOf(r, 0, v6); found != 0 {
		t.Errorf("found %b before any packet was", found)
	}
	r.Meet(1, s)
	slots, found := latestOf(r, 1<<4, otherNet, v6, other, same, v6)
	if found != 0b01010 || slots[1] != s || slots[3] != s || slots[0]|slots[2]|slots[4] != 0 {
		t.Errorf("found %05b in %v, want packets 1 and 3 in %d", found, slots[:5], s)
	}
	if packets, masks := m.probes(1); packets != 2 || masks != 2 || m.maskHits(m.entries[s].mask) != 2 {
		t.Errorf("%d packets under %d masks and %d hits are counted, want 2 of each", packets, masks, m.maskHits(m.entries[s].mask))
	}
}

func TestAPacketWithoutABlockIsOfFlowsThatWantNothingInIt(t *testing.T) {
	mask := prefix(8)
	mask[flow.Tunnel][flow.OffTunTOS] = 0xff
	without, zero, marked := newKey(1, 1<<flow.Base), newKey(1, 1<<flow.Base|1<<flow.Tunnel), newKey(1, 1<<flow.Base|1<<flow.Tunnel)
	marked[flow.Tunnel][flow.OffTunTOS] = 4
	for name, c := range map[string]struct {
		of   flow.Key
		want uint64
	}{
		"nothing":         {without, 0b011},
		"a mark":          {marked, 0b100},
		"a block of none": {zero, 0b011},
	} {
		m := mustNew(t, Options{})
		r := m.NewReader()
		s, _ := put(t, m, c.of, mask)
		r.Meet(1, s)
		if _, found := latestOf(r, 0, without, zero, marked); found != c.want {
			t.Errorf("%s: found %03b, want %03b", name, found, c.want)
		}
		r.Close()
	}
}

func TestTheLatestFlowIsNotBelievedWhenItIsGone(t *testing.T) {
	m := mustNew(t, Options{Flows: 1}) // so that the next flow has the same slot
	r := m.NewReader()
	defer r.Close()
	old, next := benchKey(1), benchKey(2)
	s, _ := put(t, m, old, benchMask(0))
	r.Meet(1, s)
	m.Remove(s)
	if _, found := latestOf(r, 0, old); found != 0 {
		t.Error("a packet is of a flow that was removed")
	}
	r.Tick()
	if again, _ := put(t, m, next, benchMask(1)); again != s {
		t.Fatalf("the next flow has slot %d, want %d", again, s)
	}
	if _, found := latestOf(r, 0, old, next); found != 0b10 {
		t.Errorf("found %02b, want the packet of the flow that is there", found)
	}
}

func TestAPortBeyondTheCacheHasNoLatestFlow(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	r.Meet(maxPorts, 1)
	var k flow.Keys
	setKeys(&k, newKey(maxPorts, 1))
	var slots [frame.MaxBatch]Slot
	if found := r.Latest(&k, maxPorts, 0, &slots); found != 0 {
		t.Errorf("found %b", found)
	}
}

func TestTheLatestFlowRestsWherePacketsAreOfOthers(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	s, _ := put(t, m, benchKey(1), benchMask(0))
	r.Meet(1, s)
	var keys [frame.MaxBatch]flow.Key
	for i := range keys {
		keys[i] = benchKey(uint32(i + 2))
	}
	for range restWindow / frame.MaxBatch {
		latestOf(r, 0, keys[:]...)
	}
	asked := 0
	for range restBatch {
		if _, found := latestOf(r, 0, benchKey(1)); found != 0 {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("asked for %d of %d batches, want 1", asked, restBatch)
	}
}

package flowcache

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// scanned returns a flow of a port to one address.
func scanned(port, addr uint32) Flow {
	f := Flow{Key: newKey(port, 1), Mask: prefix(32)}
	putBenchKey(&f.Key[flow.Base], addr)
	return f
}

// TestAScanLeavesNoTraceAndFlowsWithASecondPacketAreEntered fills the cache until room is scarce.
func TestAScanLeavesNoTraceAndFlowsWithASecondPacketAreEntered(t *testing.T) {
	m := mustNew(t, Options{Flows: 64})
	now := int64(time.Minute)
	next := uint32(0)
	ask := func(addr uint32) (deferred bool) {
		f := scanned(1, addr)
		f.Now = now
		if m.Defers(&f) {
			return true
		}
		if _, err := m.Insert(&f); err != nil {
			t.Fatalf("flow %d: %v", addr, err)
		}
		return false
	}
	for ; !m.Pressed(1); next++ {
		if ask(next) {
			t.Fatalf("flow %d of %d was deferred, though there is room", next, m.Cap())
		}
	}
	full := m.Len()
	for range 1000 {
		if next++; !ask(next) {
			t.Fatal("the first packet of a flow has taken scarce room")
		}
	}
	if ask(next) {
		t.Error("the second packet of a flow was deferred, too")
	}
	if m.Len() != full+1 {
		t.Errorf("%d flows, want %d and the one with two packets", m.Len(), full)
	}
	if u := m.PortUse(1); u.Deferred != 1000 {
		t.Errorf("%d flows counted as deferred, want 1000", u.Deferred)
	}
	for s := range m.All {
		m.Remove(s)
	}
	m.Reclaim()
	if next++; !ask(next) {
		t.Error("room that has just come back went to the first packet of a flow")
	}
	now += scarceFor
	if next++; ask(next) {
		t.Error("a flow was deferred a second after room had come back")
	}
}

func TestAPortWithinItsPartIsNotDeferred(t *testing.T) {
	m := mustNew(t, Options{Flows: 64})
	for port := range uint32(2) {
		if err := m.SetPort(port, Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	for addr := range uint32(64) {
		f := scanned(0, addr)
		if !m.Defers(&f) {
			_, _ = m.Insert(&f) // full at last
		}
	}
	if u := m.PortUse(0); u.Deferred == 0 {
		t.Fatal("the flood was not deferred")
	}
	for addr := range uint32(16) {
		if f := scanned(1, addr); m.Defers(&f) {
			t.Fatalf("flow %d of a port that has 16 guaranteed was deferred", addr)
		} else if _, err := m.Insert(&f); err != nil {
			t.Fatal(err)
		}
	}
}

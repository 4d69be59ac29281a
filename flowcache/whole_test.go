package flowcache

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestAFlowOfThePortAloneIsThatOfAllItsPackets(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	again := newKey(1, 1)
	binary.BigEndian.PutUint32(again[flow.Base][flow.OffRecirc:], 7)
	put(t, m, again, flow.Mask{})
	put(t, m, newKey(2, 1), prefix(1))
	for port := range uint32(4) {
		if s := r.Whole(port); s != 0 {
			t.Errorf("port %d has flow %d for all packets; there is one for a second look-up, and one of a prefix", port, s)
		}
	}
	s, _ := put(t, m, newKey(1, 1), flow.Mask{})
	if got := r.Whole(1); got != s {
		t.Errorf("port 1 has flow %d, want %d", got, s)
	}
	m.Remove(s)
	if got := r.Whole(1); got != 0 {
		t.Errorf("port 1 has flow %d, which was removed", got)
	}
	if got := r.Whole(maxPorts); got != 0 {
		t.Errorf("a port beyond those there are has flow %d", got)
	}
}

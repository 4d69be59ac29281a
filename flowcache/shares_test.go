package flowcache

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// fill inserts flows of a port until one is refused and returns how many there were, and the refusal.
func fill(t *testing.T, m *Megaflow, port uint32, first int) (n int, refusal error) {
	t.Helper()
	for ; n <= m.Cap(); n++ {
		key := newKey(port, 1)
		putBenchKey(&key[flow.Base], uint32(first+n))
		if _, err := m.Insert(&Flow{Key: key, Mask: prefix(32)}); err != nil {
			return n, err
		}
	}
	t.Fatalf("port %d has more flows than there is room for", port)
	return n, nil
}

func TestAPortThatFillsTheCacheLeavesOthersTheirPart(t *testing.T) {
	const flows = 8000
	m := mustNew(t, Options{Flows: flows})
	for _, port := range []uint32{1, 2, 3, 4} {
		if err := m.SetPort(port, Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	const part = flows / 2 / 4
	if n, err := fill(t, m, 1, 0); n != flows-3*part || err != ErrShare {
		t.Errorf("port 1 alone took %d flows, then %v; want %d, %v", n, err, flows-3*part, ErrShare)
	}
	for _, port := range []uint32{2, 3, 4} {
		if m.Pressed(port) {
			t.Errorf("port %d is pressed by what port 1 has", port)
		}
		if n, _ := fill(t, m, port, 0); n != part {
			t.Errorf("port %d found room for %d flows, want its part, %d", port, n, part)
		}
	}
	if !m.Pressed(1) || !m.Tight() {
		t.Error("port 1 is not pressed")
	}
	if u := m.PortUse(1); u.Flows != flows-3*part || u.Guaranteed != part || u.Refused != 1 {
		t.Errorf("port 1 has %+v", u)
	}
	if n := value(t, m, "insert_over_share"); n != 3 {
		t.Errorf("insert_over_share = %d, want 3: the last found the cache full", n)
	}
}

func TestWhatWasLentComesBackByRemoval(t *testing.T) {
	const flows = 1000
	m := mustNew(t, Options{Flows: flows})
	for _, port := range []uint32{1, 2} {
		if err := m.SetPort(port, Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, m, 1, 0)
	fill(t, m, 2, 0)
	left := 100
	for s := range m.All {
		if left > 0 {
			m.Remove(s)
			left--
		}
	}
	m.Reclaim()
	if n, _ := fill(t, m, 2, 5000); n != 100 {
		t.Errorf("port 2 took %d of the places that came back, want 100", n)
	}
	m.ForgetPort(2)
	if u := m.PortUse(1); u.Guaranteed != flows/2 {
		t.Errorf("port 1 alone has %d flows guaranteed, want half of all", u.Guaranteed)
	}
}

func TestAPortKeepsToItsOwnLimit(t *testing.T) {
	m := mustNew(t, Options{Flows: 1000})
	if err := m.SetPort(1, Limits{Flows: 40, Masks: 2}); err != nil {
		t.Fatal(err)
	}
	if n, err := fill(t, m, 1, 0); n != 40 || err != ErrShare {
		t.Errorf("%d flows, then %v; want 40, %v", n, err, ErrShare)
	}
	if !m.Pressed(1) || m.Pressed(2) {
		t.Error("pressed are not the ports that have reached their limit")
	}
	if err := m.SetPort(1, Limits{Masks: 2}); err != nil {
		t.Fatal(err)
	}
	for i := range byte(8) {
		key := newKey(1, 1)
		key[flow.Base][flow.OffIPSrc] = i
		put(t, m, key, portBits(1<<i))
	}
	if u := m.PortUse(1); u.Masks != 3 || u.MaskLimit != 2 || u.Narrowed != 7 {
		t.Errorf("%+v: want 2 masks and the connection's, 7 flows narrowed", u)
	}
	if err := m.SetPort(maxPorts, Limits{}); err != ErrPort {
		t.Errorf("a port beyond those the cache serves: %v, want %v", err, ErrPort)
	}
}

func TestProbesAreCountedByPort(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	for bits := 8; bits < 12; bits++ {
		key := newKey(1, 1)
		key[flow.Base][flow.OffIPDst] = byte(bits)
		put(t, m, key, prefix(bits))
	}
	g := &rig{m: m, reader: r}
	last := newKey(1, 1)
	last[flow.Base][flow.OffIPDst] = 11
	setKeys(&g.keys, newKey(1, 1), last, newKey(2, 1))
	r.Lookup(&g.keys, allOf(&g.idx, 3), &g.slots)
	if u := m.PortUse(1); u.Lookups != 2 || u.Probes != 8 {
		t.Errorf("port 1: %d packets looked up under %d masks, want 2 and 8", u.Lookups, u.Probes)
	}
	if u := m.PortUse(2); u.Lookups != 1 || u.Probes != 0 {
		t.Errorf("port 2: %d packets looked up under %d masks, want 1 and none", u.Lookups, u.Probes)
	}
}

package flowcache

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
)

// prefix returns a mask of the first bits of the destination address.
func prefix(bits int) flow.Mask {
	var m flow.Mask
	for i := range bits {
		m[flow.Base][flow.OffIPDst+i/8] |= 0x80 >> (i % 8)
	}
	return m
}

// portBits returns a mask of some of the bits of the destination port.
func portBits(bits byte) flow.Mask {
	var m flow.Mask
	m[flow.Base][flow.OffL4Dst] = bits
	return m
}

func value(t *testing.T, m *Megaflow, name string) uint64 {
	t.Helper()
	for _, s := range m.Counters().Samples(nil) {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("no counter %q in %v", name, []counter.Sample(m.Counters().Samples(nil)))
	return 0
}

// put inserts a flow without lists and returns the mask it got.
func put(t *testing.T, m *Megaflow, key flow.Key, mask flow.Mask) (Slot, flow.Mask) {
	t.Helper()
	s, err := m.Insert(&Flow{Key: key, Mask: mask})
	if err != nil {
		t.Fatal(err)
	}
	var f Flow
	m.Flow(s, &f)
	return s, f.Mask
}

func TestMasksOfAPortAreCapped(t *testing.T) {
	t.Run("a new mask goes under the widest that covers it", func(t *testing.T) {
		m := mustNew(t, Options{MasksPerPort: 3})
		key := newKey(1, 1)
		for i, bits := range []int{32, 24, 20} {
			key[flow.Base][flow.OffIPDst] = byte(i)
			put(t, m, key, prefix(bits))
		}
		key[flow.Base][flow.OffIPDst] = 9
		key[flow.Base][flow.OffIPDst+3] = 77
		_, got := put(t, m, key, prefix(16))
		want := prefix(20)
		exact(&want, flow.OffInPort, 8)
		if got != want {
			t.Errorf("a /16 went under %v, want the /20", got[flow.Base])
		}
		if n := m.Masks(1); n != 3 {
			t.Errorf("%d masks, want 3", n)
		}
		if n := value(t, m, "masks_narrowed"); n != 1 {
			t.Errorf("masks_narrowed = %d, want 1", n)
		}
	})
	t.Run("a new mask that none covers goes under the connection's", func(t *testing.T) {
		m := mustNew(t, Options{MasksPerPort: 1})
		put(t, m, newKey(1, 1), prefix(8))
		key := newKey(1, 1)
		key[flow.Base][flow.OffIPDst], key[flow.Base][flow.OffL4Dst] = 2, 1
		s, _ := put(t, m, key, portBits(1))
		same, other := key, key
		same[flow.Base][flow.OffIPTTL], same[flow.Base][flow.OffTCPFlags+1], same[flow.Base][flow.OffIPTOS] = 9, 0x10, 4
		if got, ok := m.Find(&same); !ok || got != s {
			t.Errorf("another packet of the connection found slot %d, %t; want %d", got, ok, s)
		}
		other[flow.Base][flow.OffL4Src] = 1
		if _, ok := m.Find(&other); ok {
			t.Error("a packet of another connection found the flow")
		}
		if n := value(t, m, "masks_connection"); n != 1 {
			t.Errorf("masks_connection = %d, want 1", n)
		}
	})
	t.Run("a new mask that the connection's does not cover goes under the exact one", func(t *testing.T) {
		m := mustNew(t, Options{MasksPerPort: 1})
		put(t, m, newKey(1, 1), prefix(8))
		// The key has a tunnel and no other extension.
		key := newKey(1, 1|1<<flow.Tunnel)
		key[flow.Base][flow.OffL4Dst] = 1
		key[flow.Tunnel][7] = 5
		key[flow.Base][flow.OffIPDst] = 2
		want := portBits(1)
		exact(&want, flow.OffIPTTL, 1)
		s, _ := put(t, m, key, want)
		if n := m.Masks(1); n != 2 {
			t.Errorf("%d masks, want the one and the exact one", n)
		}
		if got, ok := m.Find(&key); !ok || got != s {
			t.Errorf("Find of the key itself = %d, %t; want %d", got, ok, s)
		}
		for _, other := range []func(k *flow.Key){
			func(k *flow.Key) { k[flow.Base][flow.OffIPTTL] = 64 },
			func(k *flow.Key) { k[flow.Tunnel][7] = 6 },
			func(k *flow.Key) { k[flow.Base][flow.OffBlocks] |= 1 << flow.Net6; k[flow.Net6][3] = 1 },
		} {
			k := key
			other(&k)
			if got, ok := m.Find(&k); ok {
				t.Errorf("a key that differs in one bit found slot %d", got)
			}
		}
		if n := value(t, m, "masks_exact"); n != 1 {
			t.Errorf("masks_exact = %d, want 1", n)
		}
	})
	t.Run("one port at its cap does not narrow the flows of another", func(t *testing.T) {
		m := mustNew(t, Options{MasksPerPort: 2})
		for i := range byte(8) {
			key := newKey(1, 1)
			key[flow.Base][flow.OffIPSrc] = i
			put(t, m, key, portBits(1<<i))
		}
		mask := prefix(9)
		_, got := put(t, m, newKey(2, 1), mask)
		exact(&mask, flow.OffInPort, 8)
		if got != mask {
			t.Error("the other port's flow went under another mask than asked for")
		}
		if m.Masks(1) > 3 || m.Masks(2) != 1 {
			t.Errorf("ports have %d and %d masks, want at most 3, and 1", m.Masks(1), m.Masks(2))
		}
	})
	t.Run("a mask goes with its last flow, and its place is free for another", func(t *testing.T) {
		m := mustNew(t, Options{MasksPerPort: 1})
		a, _ := put(t, m, newKey(1, 1), prefix(8))
		key := newKey(1, 1)
		key[flow.Base][flow.OffIPDst] = 1
		b, _ := put(t, m, key, prefix(8))
		m.Remove(a)
		if m.Masks(1) != 1 {
			t.Fatalf("%d masks with one flow left, want 1", m.Masks(1))
		}
		m.Remove(b)
		if m.Masks(1) != 0 {
			t.Fatalf("%d masks without flows, want 0", m.Masks(1))
		}
		want := portBits(3)
		_, got := put(t, m, key, want)
		exact(&want, flow.OffInPort, 8)
		if got != want {
			t.Error("the new mask was not used")
		}
	})
	t.Run("the exact mask goes with its last flow too", func(t *testing.T) {
		m := mustNew(t, Options{MasksPerPort: 1})
		put(t, m, newKey(0, 1), prefix(8))
		key := newKey(0, 1)
		key[flow.Base][flow.OffIPDst] = 1
		s, _ := put(t, m, key, portBits(1))
		m.Remove(s)
		if m.Masks(0) != 1 {
			t.Errorf("%d masks, want 1", m.Masks(0))
		}
	})
}

func TestMaskRecordsAreReusedOnlyAfterAGracePeriod(t *testing.T) {
	m := mustNew(t, Options{Flows: 2}) // and so two records
	r := m.NewReader()
	defer r.Close()
	s, _ := put(t, m, newKey(1, 1), prefix(8))
	put(t, m, newKey(2, 1), prefix(8))
	id := m.portMasks(1)[0]
	m.Remove(s)
	before := m.maskOf(id).block
	if _, isNew := m.chooseMask(3, new(flow.Mask)); !isNew {
		t.Fatal("port 3 has a mask already")
	}
	if m.maskOf(id).block != before {
		t.Error("the record changed before the reader's tick")
	}
	r.Tick()
	if got, _ := m.chooseMask(3, new(flow.Mask)); got != id {
		t.Errorf("after the tick the mask is %d, want %d", got, id)
	}
}

func TestPortsWithMasksAreKnown(t *testing.T) {
	m := mustNew(t, Options{})
	listed := func() (ports []uint32) {
		for port := range uint32(maxPorts) {
			if known := m.listing[port/64]>>(port%64)&1 != 0; known != (len(m.portMasks(port)) > 0) {
				t.Errorf("port %d has %d masks, and that is known: %t", port, len(m.portMasks(port)), known)
			} else if known {
				ports = append(ports, port)
			}
		}
		return ports
	}
	var slots []Slot
	for _, port := range []uint32{0, 63, 64, maxPorts - 1} {
		for length := 8; length < 10; length++ {
			s, _ := put(t, m, newKey(port, 1), prefix(length))
			slots = append(slots, s)
		}
	}
	if got := listed(); len(got) != 4 {
		t.Errorf("ports %v list masks, want four", got)
	}
	for _, s := range slots[:7] {
		m.Remove(s)
	}
	if got := listed(); len(got) != 1 || got[0] != maxPorts-1 {
		t.Errorf("ports %v list masks, want the last one", got)
	}
}

func TestSortMasksPutsTheBusyOnesFirst(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	for i := range byte(4) {
		key := newKey(1, 1)
		key[flow.Base][flow.OffIPDst] = 10 + i
		put(t, m, key, prefix(8+int(i)))
	}
	before := m.portMasks(1)
	busy := newKey(1, 1)
	busy[flow.Base][flow.OffIPDst] = 13
	g := &rig{m: m, reader: r}
	setKeys(&g.keys, busy, busy, busy)
	if miss := r.Lookup(&g.keys, allOf(&g.idx, 3), &g.slots); len(miss) != 0 {
		t.Fatalf("%d misses", len(miss))
	}
	m.SortMasks()
	after := m.portMasks(1)
	if after[0] != before[3] || len(after) != 4 {
		t.Errorf("masks were %v, are %v; the last should be first", before, after)
	}
	m.SortMasks()
	if again := m.portMasks(1); &again[0] != &after[0] {
		t.Error("without new hits the masks were put in another order")
	}
}

package flowcache

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []Options{{Flows: -1}, {Flows: MaxFlows + 1}, {MasksPerPort: -1}, {MasksPerPort: MaxMasksPerPort + 1}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) gave no error", o)
		}
	}
}

func TestInsertSaysWhatIsWrong(t *testing.T) {
	t.Run("the cache is full", func(t *testing.T) {
		m := mustNew(t, Options{Flows: 1})
		put(t, m, newKey(1, 1), prefix(8))
		if _, err := m.Insert(&Flow{Key: newKey(2, 1)}); !errors.Is(err, ErrFull) {
			t.Errorf("got %v, want %v", err, ErrFull)
		}
		if n := value(t, m, "insert_full"); n != 1 {
			t.Errorf("insert_full = %d, want 1", n)
		}
		if m.Masks(2) != 0 {
			t.Error("the mask of the flow that was refused stays")
		}
	})
	t.Run("both buckets are full", func(t *testing.T) {
		m := mustNew(t, Options{})
		m.keep = 0
		key := newKey(1, 1)
		for i := range byte(2 * ways) {
			key[flow.Base][flow.OffIPDst] = i
			put(t, m, key, prefix(8))
		}
		key[flow.Base][flow.OffIPDst]++
		if _, err := m.Insert(&Flow{Key: key, Mask: prefix(8)}); !errors.Is(err, ErrBucket) {
			t.Errorf("got %v, want %v", err, ErrBucket)
		}
		if n := value(t, m, "insert_bucket_full"); n != 1 {
			t.Errorf("insert_bucket_full = %d, want 1", n)
		}
	})
	t.Run("the port is out of range", func(t *testing.T) {
		m := mustNew(t, Options{})
		key := newKey(maxPorts, 1)
		if _, err := m.Insert(&Flow{Key: key}); !errors.Is(err, ErrPort) {
			t.Errorf("got %v, want %v", err, ErrPort)
		}
		if _, ok := m.Find(&key); ok {
			t.Error("a flow was found for the port")
		}
	})
	t.Run("there is one with the same key and mask, and its slot is returned", func(t *testing.T) {
		m := mustNew(t, Options{})
		s, _ := put(t, m, newKey(1, 1), prefix(8))
		if got, err := m.Insert(&Flow{Key: newKey(1, 1), Mask: prefix(8)}); !errors.Is(err, ErrExists) || got != s {
			t.Errorf("got %d, %v; want %d, %v", got, err, s, ErrExists)
		}
	})
}

func TestInputPortAndRecirculationAlwaysCount(t *testing.T) {
	m := mustNew(t, Options{})
	put(t, m, newKey(1, 1), flow.Mask{})
	other := newKey(1, 1)
	binary.BigEndian.PutUint32(other[flow.Base][flow.OffRecirc:], 1)
	if s, ok := m.Find(&other); ok {
		t.Errorf("another round found slot %d", s)
	}
	other = newKey(2, 1)
	if s, ok := m.Find(&other); ok {
		t.Errorf("another port found slot %d", s)
	}
}

func TestSlotsAreReusedOnlyAfterAGracePeriod(t *testing.T) {
	g := newRig(t, Options{Flows: 1})
	key := newKey(1, 1)
	if err := g.insert(key, prefix(8)); err != nil {
		t.Fatal(err)
	}
	if err := g.lookup(key); err != nil {
		t.Fatal(err)
	}
	s := g.slots[0]
	was := g.reader.Actions(s)
	want := g.m.Lists().Get(was)[0]
	g.remove(s)
	if n := g.m.Reclaim(); n != 0 {
		t.Errorf("Reclaim() = %d before the tick, want 0", n)
	}
	if _, err := g.m.Insert(&Flow{Key: newKey(2, 1)}); !errors.Is(err, ErrFull) {
		t.Errorf("Insert before the tick: %v, want %v", err, ErrFull)
	}
	if got := g.reader.Actions(s); got != was || g.m.Lists().Get(got)[0] != want {
		t.Error("the removed flow's actions changed before the tick")
	}
	g.reader.Tick()
	if _, err := g.m.Insert(&Flow{Key: newKey(2, 1)}); err != nil {
		t.Errorf("Insert after the tick: %v", err)
	}
}

func TestAnEMCEntryNeverNamesAReusedSlot(t *testing.T) {
	g := newRig(t, Options{Flows: 1})
	old, young := newKey(1, 1), newKey(2, 1)
	for range 3 {
		if err := g.insert(old, prefix(8)); err != nil {
			t.Fatal(err)
		}
		if err := g.lookup(old); err != nil {
			t.Fatal(err)
		}
		s := g.slots[0]
		setKeys(&g.keys, old)
		g.emc.Insert(&g.keys, 0, s)
		if miss := g.emc.Lookup(&g.keys, 0, &g.slots, g.idx[:]); len(miss) != 0 {
			t.Fatal("the EMC does not know the key")
		}
		g.remove(s)
		if miss := g.emc.Lookup(&g.keys, 0, &g.slots, g.idx[:]); len(miss) != 1 {
			t.Fatal("the EMC answers with a removed flow")
		}
		g.emc.Insert(&g.keys, 0, s)
		g.reader.Tick()
		if err := g.insert(young, prefix(8)); err != nil {
			t.Fatal(err)
		}
		if _, ok := g.twin.flows[s]; !ok {
			t.Fatal("the slot was not used again")
		}
		if miss := g.emc.Lookup(&g.keys, 0, &g.slots, g.idx[:]); len(miss) != 1 {
			t.Fatal("the EMC answers with the flow that took the slot")
		}
		g.remove(s)
		g.reader.Tick()
	}
}

func TestUpdateReplacesActionsAndKeepsTheOldUntilTheTick(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	l := m.Lists()
	a, b, trail := mustIntern(t, l, 1), mustIntern(t, l, 2), mustIntern(t, l, 3)
	s, err := m.Insert(&Flow{Key: newKey(1, 1), Actions: a, Trail: trail, Tags: 1, Rewrote: 2})
	if err != nil {
		t.Fatal(err)
	}
	m.Update(s, b, 0, 5, 6, 7)
	if got := r.Actions(s); got != b {
		t.Errorf("Actions = %d, want %d", got, b)
	}
	if l.Reclaim() != 0 || l.Get(a)[0] != 1 {
		t.Error("the old actions went before the tick")
	}
	var f Flow
	if !m.Flow(s, &f) || f.Actions != b || f.Trail != 0 || f.Tags != 5 || f.Rewrote != 6 {
		t.Errorf("Flow after Update: %d, %d, %d, %d", f.Actions, f.Trail, f.Tags, f.Rewrote)
	}
	r.Tick()
	if n := l.Reclaim(); n != 2 {
		t.Errorf("%d lists reclaimed after the tick, want 2", n)
	}
	m.Remove(s)
	m.Update(s, mustIntern(t, l, 9), 0, 0, 0, 0) // nothing to update: the reference is given up
	if l.Len() != 0 {
		t.Errorf("%d lists are left", l.Len())
	}
}

func TestStatistics(t *testing.T) {
	t.Run("are summed over workers, those that left included", func(t *testing.T) {
		m := mustNew(t, Options{})
		s, _ := put(t, m, newKey(1, 1), prefix(8))
		a, b := m.NewReader(), m.NewReader()
		defer b.Close()
		a.Credit(s, 2, 120, 50)
		b.Credit(s, 1, 60, 40)
		a.Close()
		a.Close()
		c := m.NewReader()
		defer c.Close()
		c.Credit(s, 1, 1, 45)
		if got, want := m.Stats(s), (Stats{Packets: 4, Bytes: 181, LastUsed: 45}); got.Packets != want.Packets || got.Bytes != want.Bytes {
			t.Errorf("Stats = %+v, want %+v", got, want)
		}
		if n := len(m.tallies()); n != 2 {
			t.Errorf("%d tallies for two workers at a time", n)
		}
	})
	t.Run("of a reused slot start from nothing", func(t *testing.T) {
		m := mustNew(t, Options{Flows: 1})
		r := m.NewReader()
		defer r.Close()
		s, _ := put(t, m, newKey(1, 1), prefix(8))
		r.Credit(s, 7, 700, 90)
		m.Remove(s)
		r.Credit(s, 1, 100, 95) // of the batch that was under way
		r.Tick()
		again, err := m.Insert(&Flow{Key: newKey(2, 1), Now: 93})
		if err != nil || again != s {
			t.Fatalf("Insert = %d, %v; want %d", again, err, s)
		}
		if got, want := m.Stats(s), (Stats{LastUsed: 93}); got != want {
			t.Errorf("Stats = %+v, want %+v", got, want)
		}
		r.Credit(s, 1, 60, 100)
		if got, want := m.Stats(s), (Stats{Packets: 1, Bytes: 60, LastUsed: 100}); got != want {
			t.Errorf("Stats = %+v, want %+v", got, want)
		}
	})
	t.Run("of a removed flow are complete when it is retired, and its trail is still there", func(t *testing.T) {
		var m *Megaflow
		var got []Stats
		m = mustNew(t, Options{Retired: func(s Slot, st Stats, trail ListID) {
			got = append(got, st)
			if words := m.Lists().Get(trail); len(words) != 1 || words[0] != 42 {
				t.Errorf("the trail is %v", words)
			}
		}})
		r := m.NewReader()
		defer r.Close()
		s, err := m.Insert(&Flow{Key: newKey(1, 1), Trail: mustIntern(t, m.Lists(), 42)})
		if err != nil {
			t.Fatal(err)
		}
		r.Credit(s, 1, 60, 10)
		m.Remove(s)
		r.Credit(s, 1, 60, 11)
		m.Reclaim()
		if got != nil {
			t.Fatal("retired before the tick")
		}
		r.Tick()
		m.Reclaim()
		if want := (Stats{Packets: 2, Bytes: 120, LastUsed: 11}); len(got) != 1 || got[0] != want {
			t.Errorf("retired with %+v, want %+v", got, want)
		}
		if n := m.Lists().Len(); n != 0 {
			t.Errorf("%d lists are left", n)
		}
	})
}

func TestAll(t *testing.T) {
	m := mustNew(t, Options{})
	want := map[Slot]bool{}
	for i := range byte(10) {
		key := newKey(uint32(i), 1)
		s, _ := put(t, m, key, prefix(8))
		want[s] = true
	}
	for s := range m.All {
		if !want[s] {
			t.Errorf("slot %d came twice or has no flow", s)
		}
		delete(want, s)
		m.Remove(s)
	}
	if len(want) != 0 {
		t.Errorf("%d flows were left out", len(want))
	}
	m.Remove(1) // a slot without a flow is left alone
	m.Remove(0)
	if m.Len() != 0 {
		t.Errorf("Len() = %d", m.Len())
	}
}

func TestPacketsOfSeveralPortsInOneBatch(t *testing.T) {
	g := newRig(t, Options{})
	var keys []flow.Key
	for i := range 12 {
		key := newKey(uint32(i%4), 1)
		key[flow.Base][flow.OffIPDst] = byte(i)
		keys = append(keys, key)
		if i%3 != 0 {
			if err := g.insert(key, prefix(8)); err != nil {
				t.Fatal(err)
			}
		}
	}
	keys = append(keys, newKey(1<<31, 1)) // no such port
	if err := g.lookup(keys...); err != nil {
		t.Error(err)
	}
}

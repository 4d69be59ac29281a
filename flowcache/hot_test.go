package flowcache

import (
	"reflect"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

func TestPacketPathAllocatesNothing(t *testing.T) {
	g := newRig(t, Options{MasksPerPort: 2})
	g.emc = NewEMC(0, 2, g.m)
	var keys [frame.MaxBatch]flow.Key
	for i := range keys {
		keys[i] = newKey(uint32(i%3), uint8(i%16)|1)
		keys[i][flow.Base][flow.OffIPDst] = byte(i)
		if i%5 != 0 {
			if err := g.insert(keys[i], prefix(8-i%4)); err != nil {
				t.Fatal(err)
			}
		}
	}
	setKeys(&g.keys, keys[:]...)
	got := testing.AllocsPerRun(100, func() {
		miss := g.emc.Lookup(&g.keys, 0, &g.slots, g.idx[:])
		g.reader.Lookup(&g.keys, miss, &g.slots)
		for i := range keys {
			if s := g.slots[i]; s != 0 {
				g.emc.Insert(&g.keys, i, s)
				g.reader.Credit(s, 1, 60, 1)
				_ = g.m.Lists().Get(g.reader.Actions(s))
			}
		}
		g.reader.Tick()
	})
	if got != 0 {
		t.Errorf("%v allocations per cycle, want 0", got)
	}
}

func TestInsertAndRemoveAllocateNothingWhenTheMaskIsThere(t *testing.T) {
	m := mustNew(t, Options{})
	put(t, m, newKey(1, 1), prefix(8))
	f := Flow{Key: newKey(1, 1), Mask: prefix(8)}
	f.Key[flow.Base][flow.OffIPDst] = 1
	words := make([]uint64, 5)
	n := uint64(0)
	got := testing.AllocsPerRun(100, func() {
		n++
		words[0] = n
		f.Actions, _ = m.Lists().Intern(words)
		s, err := m.Insert(&f)
		if err != nil {
			t.Fatal(err)
		}
		m.Remove(s)
		m.Reclaim()
	})
	if got != 0 {
		t.Errorf("%v allocations per flow, want 0", got)
	}
}

func TestSlabsHoldNoPointers(t *testing.T) {
	for _, v := range []any{
		entry{}, baseline{}, bucket{}, mask{}, maskInfo{}, flow.Block{}, row{},
		listInfo{}, buddyNode{}, emcSet{}, emcEntry{}, maskID(0), ListID(0),
	} {
		if typ := reflect.TypeOf(v); hasPointers(typ) {
			t.Errorf("%v holds a pointer", typ)
		}
	}
	// What the slabs are for: nothing that grows with flows may be of another kind.
	typ := reflect.TypeOf(Megaflow{})
	for i := range typ.NumField() {
		if f := typ.Field(i); f.Type.Kind() == reflect.Slice && f.Name != "ports" && hasPointers(f.Type.Elem()) {
			t.Errorf("Megaflow.%s has elements with pointers", f.Name)
		}
	}
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.Bool, reflect.Int8, reflect.Uint8, reflect.Int16, reflect.Uint16, reflect.Int32, reflect.Uint32,
		reflect.Int64, reflect.Uint64, reflect.Int, reflect.Uint:
		return false
	}
	return true
}

func TestSizesAreThoseOfTheDocumentation(t *testing.T) {
	for _, c := range []struct {
		v    any
		want uintptr
	}{
		{bucket{}, 64}, {entry{}, 128}, {baseline{}, 24}, {row{}, 32}, {emcSet{}, 64}, {mask{}, 9 * 64}, {flow.Block{}, 64},
	} {
		if got := reflect.TypeOf(c.v).Size(); got != c.want {
			t.Errorf("size of %T is %d, want %d", c.v, got, c.want)
		}
	}
}

func TestBumpAgreesWithItsTwin(t *testing.T) {
	values := []uint64{0, 1, 0xffffffff, 1 << 32, 1<<64 - 1}
	for _, packets := range values {
		for _, bytes := range values {
			got, want := row{3, 5, 7, 11}, row{3, 5, 7, 11}
			bump(&got, packets, bytes, int64(bytes))
			bumpGeneric(&want, packets, bytes, int64(bytes))
			if got != want {
				t.Errorf("bump(%d, %d) = %v, want %v", packets, bytes, got, want)
			}
			bump1(&got[3], packets)
			bump1Generic(&want[3], packets)
			if got != want {
				t.Errorf("bump1(%d) = %v, want %v", packets, got, want)
			}
		}
	}
}

func TestBumpEachAgreesWithItsTwin(t *testing.T) {
	for n := range 65 {
		got, want := make([]row, 9), make([]row, 9)
		slots, sizes := make([]Slot, n), make([]uint32, n+1)
		for i := range slots {
			slots[i], sizes[i] = Slot(1+i*i%7), uint32(i)<<26|60 // some twice in a row, sizes of all bits
		}
		for now := range int64(3) {
			bumpEach(got, slots, sizes, now)
			bumpEachGeneric(want, slots, sizes, now)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d packets: got %v, want %v", n, got, want)
		}
	}
}

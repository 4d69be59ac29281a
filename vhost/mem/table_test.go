package mem

import (
	"math"
	"strings"
	"testing"
)

// gap is a guest as QEMU makes one: memory below 3 GiB and from 4 GiB on, one piece at the frontend's.
var gap = []Region{
	{Guest: 0, User: 0x7f00_0000_0000, Size: 16 * page},
	{Guest: 4 << 30, User: 0x7f00_0000_0000 + 16*page, Size: 8 * page, Offset: 16 * page},
}

func TestAddressesAreFoundInTheirRegion(t *testing.T) {
	tab := table(t, gap...)
	for _, c := range []struct {
		name    string
		addr, n uint64
		found   bool
	}{
		{"the first byte", 0, 1, true},
		{"a whole region", 0, 16 * page, true},
		{"one byte more than the region", 0, 16*page + 1, false},
		{"the last byte", 16*page - 1, 1, true},
		{"behind the last byte", 16 * page, 1, false},
		{"the hole", 3 << 30, 8, false},
		{"the second region", 4 << 30, 8 * page, true},
		{"inside the second region", 4<<30 + 100, 60, true},
		{"before the second region", 4<<30 - 1, 2, false},
		{"a length that wraps around", 8, math.MaxUint64, false},
		{"an address that wraps around", math.MaxUint64, 2, false},
		{"nothing, at an address", 100, 0, true},
		{"nothing, nowhere", 3 << 30, 0, false},
	} {
		b, ok := tab.Guest(c.addr, c.n)
		if ok != c.found || ok && (uint64(len(b)) != c.n || c.n > 0 && b[0] != mark(c.addr)) {
			t.Errorf("%s: %d bytes, %v; want %v", c.name, len(b), ok, c.found)
		}
		if ok && cap(b) != len(b) {
			t.Errorf("%s: %d bytes can be appended to", c.name, cap(b)-len(b))
		}
	}
}

func TestTheFrontendsAddressesAreTheSameMemory(t *testing.T) {
	tab := table(t, gap...)
	b, ok := tab.User(gap[1].User+5, 3)
	if !ok || b[0] != mark(gap[1].Guest+5) {
		t.Errorf("user address in the second region: %v, %v", b, ok)
	}
	if g, ok := tab.GuestAddress(gap[1].User + 5); !ok || g != gap[1].Guest+5 {
		t.Errorf("its guest address is %#x, %v", g, ok)
	}
	if _, ok := tab.GuestAddress(gap[1].User - 17*page); ok {
		t.Error("an address before all regions has a guest address")
	}
	// Both regions follow each other for the frontend; a range over both is in neither.
	if _, ok := tab.User(gap[1].User-8, 16); ok {
		t.Error("a range over two regions was found in one")
	}
}

func TestRegionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, r := range map[string]Region{
		"empty":                         {Guest: page, User: page},
		"guest addresses wrap around":   {Guest: math.MaxUint64 &^ (page - 1), User: page, Size: 2 * page},
		"guest addresses end at 2^64":   {Guest: -page & math.MaxUint64, User: page, Size: page},
		"user addresses wrap around":    {Guest: page, User: math.MaxUint64 &^ (page - 1), Size: 2 * page},
		"no file is that long":          {Guest: page, User: page, Size: page, Offset: math.MaxInt64 &^ (page - 1)},
		"an offset that is negative":    {Guest: page, User: page, Size: page, Offset: 1 << 63},
		"guest address is not aligned":  {Guest: page + 4, User: page, Size: page},
		"size is not aligned":           {Guest: page, User: page, Size: page + 1},
		"file offset is not aligned":    {Guest: page, User: page, Size: page, Offset: 2},
		"more than the heap is to take": {Guest: page, User: page, Size: 1 << 40},
	} {
		if m, err := Heap(r); err == nil {
			t.Errorf("%s: accepted as %v", name, m.region)
		}
	}
}

func TestOverlapsAreRefused(t *testing.T) {
	base := Region{Guest: 16 * page, User: 64 * page, Size: 4 * page}
	for _, c := range []struct {
		name  string
		other Region
		want  string // in the error; nothing: no error
	}{
		{"side by side", Region{Guest: 20 * page, User: 68 * page, Size: page}, ""},
		{"the same", base, "guest addresses"},
		{"the guest's last page", Region{Guest: 19 * page, User: 0, Size: page}, "guest addresses"},
		{"around it", Region{Guest: 8 * page, User: 0, Size: 16 * page}, "guest addresses"},
		{"the frontend's first page", Region{Guest: 0, User: 61 * page, Size: 4 * page}, "user addresses"},
		{"the guest's in front", Region{Guest: 15 * page, User: 0, Size: page}, ""},
	} {
		a, b := heap(t, base), heap(t, c.other)
		tab, err := NewTable(b, a)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err == nil {
			err = tab.Close()
		}
		if a.tables.Load() != 0 || b.tables.Load() != 0 {
			t.Errorf("%s: mappings are still in use (%v)", c.name, err)
		}
	}
}

func TestThereIsABoundOnRegions(t *testing.T) {
	var maps []*Mapping
	for i := range uint64(MaxRegions + 1) {
		maps = append(maps, heap(t, Region{Guest: i * page, User: i * page, Size: 8}))
	}
	tab, err := NewTable(maps[:MaxRegions]...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(MaxRegions) {
		if _, ok := tab.Guest(i*page+7, 1); !ok {
			t.Fatalf("region %d is not found", i)
		}
		if _, ok := tab.Guest(i*page+8, 1); ok {
			t.Fatalf("behind region %d there is memory", i)
		}
	}
	if _, err := tab.With(maps[MaxRegions]); err == nil {
		t.Error("one region more than the bound was accepted")
	}
}

func TestSnapshotsShareMappings(t *testing.T) {
	one, two := heap(t, gap[0]), heap(t, gap[1])
	first, err := NewTable(one)
	if err != nil {
		t.Fatal(err)
	}
	both, err := first.With(two)
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err == nil {
		t.Error("a mapping in two tables could be closed")
	}
	if _, ok := first.Guest(gap[1].Guest, 1); ok {
		t.Error("the old snapshot has the new region")
	}
	last, err := both.Without(gap[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := last.Without(gap[0]); err == nil {
		t.Error("a region that is not there could be removed")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := both.Guest(0, 1); !ok {
		t.Error("closing one snapshot took memory from another")
	}
	if err := both.Close(); err != nil {
		t.Fatal(err)
	}
	if one.tables.Load() != 0 || two.tables.Load() != 1 {
		t.Errorf("mappings are in %d and %d tables, want 0 and 1", one.tables.Load(), two.tables.Load())
	}
	if _, ok := last.Guest(gap[1].Guest, gap[1].Size); !ok {
		t.Error("the last snapshot has lost the region that was to stay")
	}
	if err := last.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := last.Guest(gap[1].Guest, 1); ok {
		t.Error("a closed snapshot has memory")
	}
}

package driver

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

func TestConfigurationsThatCannotBeAreRefused(t *testing.T) {
	memory := make([]byte, 1<<16)
	for _, c := range []struct {
		name   string
		config Config
		memory []byte
		want   string
	}{
		{"no entries", Config{}, memory, "want a power of two"},
		{"no power of two", Config{Size: 12}, memory, "want a power of two"},
		{"too many entries", Config{Size: 65536}, memory, "want a power of two"},
		{"tables of less than nothing", Config{Size: 8, Table: -1}, memory, "want up to 1024"},
		{"an address between descriptors", Config{Size: 8, Base: 8}, memory, "not aligned"},
		{"no memory", Config{Size: 8}, nil, "bytes of memory"},
		{"too little memory", Config{Size: 1024, Table: 64}, memory, "bytes of memory"},
		{"memory at an odd address", Config{Size: 8}, memory[4:], "not aligned"},
	} {
		_, split := NewSplit(c.memory, c.config)
		_, packed := NewPacked(c.memory, c.config)
		for _, err := range []error{split, packed} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	}
}

func TestPartsOfARingDoNotShareCacheLines(t *testing.T) {
	for _, c := range []Config{{Size: 1}, {Size: 8, Table: 3}, {Size: 1024}, {Size: 32768, Table: 1}} {
		for _, l := range []Layout{SplitLayout(c), PackedLayout(c)} {
			at := []int{16 * c.Size, l.Driver, l.Device, l.Tables, l.Bytes}
			for i, off := range at[1:4] {
				if off%128 != 0 || off < at[i] {
					t.Errorf("%+v: %+v", c, l)
				}
			}
			if l.Bytes-l.Tables != 16*c.Size*c.Table {
				t.Errorf("%+v: %d bytes of tables", c, l.Bytes-l.Tables)
			}
		}
	}
}

// half is what the tests need of either layout.
type half interface {
	AddOne(uint32, Buffer, bool) bool
	AddEach([]uint32, []Buffer, bool) int
	Add(uint32, []Buffer, []Buffer) bool
	Publish()
	Reap([]Done) int
	Free() int
	Pending() int
	Calls(bool) bool
	Err() error
}

func halves(t *testing.T, c Config) map[string]half {
	t.Helper()
	split, err := NewSplit(make([]byte, SplitLayout(c).Bytes), c)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := NewPacked(make([]byte, PackedLayout(c).Bytes), c)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]half{"split": split, "packed": packed}
}

func TestARingTakesWhatItHasRoomFor(t *testing.T) {
	b := Buffer{Addr: 64, Len: 8}
	for name, q := range halves(t, Config{Size: 8, Table: 2}) {
		if q.Add(0, nil, nil) {
			t.Errorf("%s: a chain of nothing was added", name)
		}
		if !q.Add(1, []Buffer{b, b}, nil) || q.Free() != 7 {
			t.Errorf("%s: a chain that fits a table took %d descriptors", name, 8-q.Free())
		}
		if !q.Add(2, []Buffer{b, b}, []Buffer{b}) || q.Free() != 4 {
			t.Errorf("%s: a chain of three left %d descriptors", name, q.Free())
		}
		if q.Add(3, []Buffer{b, b, b}, []Buffer{b, b}) || q.Free() != 4 {
			t.Errorf("%s: a chain of five was added to a ring with room for four", name)
		}
		for i := range uint32(4) {
			if !q.AddOne(i, b, true) {
				t.Errorf("%s: no room for one, %d are free", name, q.Free())
			}
		}
		if q.AddOne(9, b, true) || q.Add(9, []Buffer{b}, nil) || q.Free() != 0 || q.Pending() != 6 {
			t.Errorf("%s: a full ring took more; %d are free, %d under way", name, q.Free(), q.Pending())
		}
	}
}

// TestADeviceThatLiesIsFoundOut has a device give back what it does not have.
func TestADeviceThatLiesIsFoundOut(t *testing.T) {
	for _, order := range []bool{false, true} {
		for _, c := range []struct {
			name string
			id   uint16
			n    uint16 // split: by how much the used index moves
		}{
			{"a chain that is not under way", 5, 1},
			{"a chain that the ring does not have", 8, 1},
			{"a chain far outside", 65535, 1},
			{"more chains than there are", 0, 3},
		} {
			for name, q := range halves(t, Config{Size: 8, InOrder: order}) {
				q.AddOne(1, Buffer{Len: 8}, false)
				q.AddOne(2, Buffer{Len: 8}, false)
				q.Publish()
				lie(q, c.id, c.n)
				var done [8]Done
				n := q.Reap(done[:])
				fine := name == "packed" && c.n > 1 // there a chain goes back by itself
				if fine == (q.Err() != nil) {
					t.Errorf("%s, order %v, %s: %d came back, error %v", name, order, c.name, n, q.Err())
				}
				if q.Err() != nil && (q.AddOne(3, Buffer{Len: 8}, false) || q.Reap(done[:]) != 0 || q.Calls(true)) {
					t.Errorf("%s, %s: the queue goes on", name, c.name)
				}
			}
		}
	}
}

// lie gives chain id back, for a split ring n times.
func lie(q half, id, n uint16) {
	switch q := q.(type) {
	case *Split:
		for i := range n {
			q.used[i] = layout.Used{ID: uint32(id)}
		}
		q.usedWord.Store(uint32(n) << 16)
	case *Packed:
		q.guard[0].Rest.Store(layout.PackedRest(0, id, layout.PhaseMask))
	}
}

// A split ring's device writes one entry for a batch, and skips the others' places: what it wrote there a round ago is not
// about these chains, even where the ids agree. The length is the last chain's, the others are written to completely.
func TestWhatADeviceSkipsInABatchHasNoLengthOfTheRoundBefore(t *testing.T) {
	c := Config{Size: 4, InOrder: true}
	q, err := NewSplit(make([]byte, SplitLayout(c).Bytes), c)
	if err != nil {
		t.Fatal(err)
	}
	round := func(give func()) (got []Done) {
		for i := range uint32(4) {
			q.AddOne(10+i, Buffer{Len: 100 + i}, true)
		}
		q.Publish()
		give()
		q.usedWord.Store(uint32(q.shown) << 16)
		for range 3 { // in parts
			var done [2]Done
			got = append(got, done[:q.Reap(done[:])]...)
		}
		return got
	}
	one := round(func() {
		for i := range q.used {
			q.used[i] = layout.Used{ID: uint32(i), Len: uint32(1 + i)}
		}
	})
	if fmt.Sprint(one) != "[{10 1} {11 2} {12 3} {13 4}]" {
		t.Errorf("one by one: %v; %v", one, q.Err())
	}
	batch := round(func() { q.used[0] = layout.Used{ID: 2, Len: 7} }) // and the last one by itself, as it was
	if fmt.Sprint(batch) != "[{10 100} {11 101} {12 7} {13 4}]" {
		t.Errorf("a batch: %v; %v", batch, q.Err())
	}
	short := round(func() { q.used[0] = layout.Used{ID: 3}; q.shown-- }) // a batch of four, and three are back
	if len(short) != 3 || q.Err() == nil {
		t.Errorf("a batch that is not all there: %v; %v", short, q.Err())
	}
}

// TestABatchMayBeReapedInParts has a device that gives five chains back by one used descriptor, and a driver that
// takes two at a time.
func TestABatchMayBeReapedInParts(t *testing.T) {
	c := Config{Size: 8, InOrder: true}
	q, err := NewPacked(make([]byte, PackedLayout(c).Bytes), c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(5) {
		q.AddOne(10+i, Buffer{Len: 100 + i}, true)
	}
	q.Publish()
	q.guard[0].Rest.Store(layout.PackedRest(7, 4, layout.PhaseMask|layout.FlagWrite))
	var got []Done
	for range 4 {
		var done [2]Done
		n := q.Reap(done[:])
		got = append(got, done[:n]...)
		if ready := q.Calls(true); ready != (len(got) < 5) {
			t.Errorf("after %d chains more are ready: %v", len(got), ready)
		}
	}
	if fmt.Sprint(got) != "[{10 100} {11 101} {12 102} {13 103} {14 7}]" {
		t.Errorf("reaped %v; %v", got, q.Err())
	}
}

// TestManyAreAddedAsOneByOne fills two rings of each kind, around their ends, and compares their memory.
func TestManyAreAddedAsOneByOne(t *testing.T) {
	c := Config{Size: 8}
	for _, write := range []bool{false, true} {
		one, many := make([]byte, SplitLayout(c).Bytes), make([]byte, SplitLayout(c).Bytes)
		a, _ := NewSplit(one, c)
		b, _ := NewSplit(many, c)
		alike(t, "split", a, b, write, func() {
			a.usedWord.Store(uint32(a.added) << 16)
			b.usedWord.Store(uint32(b.added) << 16)
			for i := range a.used {
				a.used[i].ID, b.used[i].ID = uint32(a.avail[i]), uint32(b.avail[i])
			}
		})
		if !bytes.Equal(one, many) {
			t.Errorf("split, writable %v: the rings differ", write)
		}
		one, many = make([]byte, PackedLayout(c).Bytes), make([]byte, PackedLayout(c).Bytes)
		x, _ := NewPacked(one, c)
		y, _ := NewPacked(many, c)
		alike(t, "packed", x, y, write, func() {
			for _, q := range []*Packed{x, y} {
				for at := q.next; at != q.added; at = at.Plus(1, q.size) { // given back as they came
					d := layout.Desc{Rest: q.guard[at.At].Rest.Load()}
					q.guard[at.At].Rest.Store(layout.PackedRest(d.Len(), d.PackedID(), d.PackedFlags()&layout.FlagWrite|at.Used()))
				}
			}
		})
		if !bytes.Equal(one, many) {
			t.Errorf("packed, writable %v: the rings differ", write)
		}
	}
}

// alike adds to one and to many, more than fit; give has the device give all back.
func alike(t *testing.T, kind string, one, many half, write bool, give func()) {
	t.Helper()
	cookie := uint32(100)
	for _, n := range []int{3, 5, 1, 7, 9} {
		var cookies []uint32
		var buffers []Buffer
		fit := 0
		for range n {
			cookies, buffers = append(cookies, cookie), append(buffers, Buffer{Addr: 64 * uint64(cookie), Len: cookie})
			if one.AddOne(cookie, buffers[len(buffers)-1], write) {
				fit++
			}
			cookie++
		}
		if got := many.AddEach(cookies, buffers, write); got != fit || many.Free() != one.Free() || many.Pending() != one.Pending() {
			t.Fatalf("%s: %d of %d were added, one by one %d", kind, got, n, fit)
		}
		one.Publish()
		many.Publish()
		give()
		var a, b [8]Done
		k := one.Reap(a[:])
		if many.Reap(b[:]) != k || k != fit || a != b || one.Err() != nil || many.Err() != nil {
			t.Fatalf("%s: %d came back as %v and %v (%v, %v)", kind, k, a, b, one.Err(), many.Err())
		}
	}
}

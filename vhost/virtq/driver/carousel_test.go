package driver

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// carousels returns one of each layout with eight entries of 100 bytes.
func carousels(t *testing.T, write bool) map[string]*Carousel {
	t.Helper()
	list := make(map[string]*Carousel)
	for name, packed := range map[string]bool{"split": false, "packed": true} {
		q, err := NewCarousel(packed, make([]byte, 1<<12), Config{Size: 8, InOrder: true}, eight(), write)
		if err != nil {
			t.Fatal(err)
		}
		list[name] = q
	}
	return list
}

func eight() (list []Buffer) {
	for i := range uint64(8) {
		list = append(list, Buffer{Addr: i * 128, Len: 100})
	}
	return list
}

func TestEntriesGoRoundOnlyInOrderAndByThemselves(t *testing.T) {
	for name, c := range map[string]Config{
		"any order": {Size: 8}, "with an event index": {Size: 8, InOrder: true, EventIndex: true}, "with tables": {Size: 8, InOrder: true, Table: 2},
	} {
		if _, err := NewCarousel(true, make([]byte, 1<<12), c, eight(), false); err == nil || !strings.Contains(err.Error(), "want VIRTIO_F_IN_ORDER") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewCarousel(false, make([]byte, 1<<12), Config{Size: 16, InOrder: true}, eight(), false); err == nil {
		t.Error("entries without buffers go round")
	}
}

func TestADeviceThatLiesAboutEntriesIsFoundOut(t *testing.T) {
	for _, c := range []struct {
		name  string
		write bool
		given int
		id    uint32
		n     uint16 // split: by how much the used index moves
		bytes uint32
		want  string
	}{
		{"more entries than it has", false, 2, 2, 3, 0, "give"},
		{"an entry that is not next", true, 4, 3, 1, 8, "where 0 is next"},
		{"an entry far outside", true, 4, 65535, 1, 8, "gives back entry 65535"},
		{"more bytes than there is room for", true, 4, 0, 1, 101, "written 101 bytes to a buffer of 100"},
	} {
		for name, q := range carousels(t, c.write) {
			q.Give(c.given)
			switch r := q.ring.(type) {
			case *splitCarousel:
				r.used[0] = layout.Used{ID: c.id, Len: c.bytes}
				r.usedWord.Store(uint32(c.n) << 16)
			case *packedCarousel:
				r.guard[0].Rest.Store(layout.PackedRest(c.bytes, uint16(c.id), layout.PhaseMask))
			}
			if _, n := q.Take(8); n != 0 || q.Err() == nil || !strings.Contains(q.Err().Error(), c.want) {
				t.Errorf("%s, %s: %d came back, error %v", name, c.name, n, q.Err())
				continue
			}
			if _, n := q.Free(); n != 0 {
				t.Errorf("%s, %s: the queue goes on", name, c.name)
			}
		}
	}
}

func TestADeviceIsToldOfEntriesOnceAndIfItWantsToBe(t *testing.T) {
	for name, q := range carousels(t, false) {
		if q.Kick() {
			t.Errorf("%s: it is told of nothing", name)
		}
		if q.Give(2); !q.Kick() || q.Kick() {
			t.Errorf("%s: it is not told of two entries, or twice", name)
		}
		switch r := q.ring.(type) {
		case *splitCarousel:
			r.usedWord.Store(layout.UsedNoNotify)
		case *packedCarousel:
			r.deviceEvent.Store(layout.EventDisable << 16)
		}
		if q.Give(1); q.Kick() {
			t.Errorf("%s: it is told though it does not want to be", name)
		}
	}
}

// givenBack has the device give back entry n of those that are counted as given is, with n in its length, and reports whether it was given.
func givenBack(q *Carousel, n uint32) bool {
	at := n & (q.size - 1)
	switch r := q.ring.(type) {
	case *splitCarousel:
		if uint16(r.availWord.Load()>>16) == uint16(n) {
			return false
		}
		r.used[at] = layout.Used{ID: at, Len: n % 100}
		r.usedWord.Store(uint32(uint16(n+1)) << 16)
	case *packedCarousel:
		c := layout.StartCursor.Plus(n&q.size, q.size).Plus(at, q.size)
		rest := layout.Desc{Rest: r.guard[at].Rest.Load()}
		if rest.PackedFlags()&layout.PhaseMask != c.Phase {
			return false
		}
		r.guard[at].Rest.Store(layout.PackedRest(n%100, uint16(at), layout.FlagWrite|c.Used()))
	}
	return true
}

// A generator that sends 20 million packets a second gives more than 2³² entries in four minutes.
func TestEntriesGoRoundWhereCountersBeginAgain(t *testing.T) {
	const (
		before = 64 // entries before the end of counters of 32 bits: whole rounds with either phase
		first  = 1<<32 - before
	)
	for name, q := range carousels(t, true) {
		q.given, q.back, q.told = first, first, first
		if r, ok := q.ring.(*splitCarousel); ok {
			r.seen = uint16(first & 0xffff)
			r.availWord.Store(uint32(r.seen) << 16)
			r.usedWord.Store(uint32(r.seen) << 16)
		}
		device, driver := uint32(first), uint32(first)
		for i := range 3 * before {
			_, n := q.Free()
			if q.Give(min(n, 1+i%5)); !q.Kick() && n > 0 {
				t.Fatalf("%s: it is not told of entries behind %d", name, driver)
			}
			for range 1 + i%3 {
				if givenBack(q, device) {
					device++
				}
			}
			at, n := q.Take(1 + i%4)
			for k := range n {
				entry := (at + k) % q.Size()
				if want := int(driver % 100); entry != int(driver%8) || q.Written(entry) != want {
					t.Fatalf("%s: entry %d came back with %d bytes, want entry %d with %d", name, entry, q.Written(entry), driver%8, want)
				}
				driver++
			}
		}
		if q.Err() != nil || driver-first < 2*before {
			t.Errorf("%s: %d entries went round, want %d, error %v", name, driver-first, 2*before, q.Err())
		}
	}
}

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

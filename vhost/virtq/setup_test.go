package virtq_test

import (
	"testing"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

func TestRingsThatCannotBeAreRefused(t *testing.T) {
	const end = userBase + 4<<20
	for _, c := range []struct {
		name   string
		change func(*virtq.Config)
		split  virtq.Kind
		packed virtq.Kind
	}{
		{"as it should be", func(*virtq.Config) {}, 0, 0},
		{"no entries", func(c *virtq.Config) { c.Size = 0 }, virtq.BadSize, virtq.BadSize},
		{"less than none", func(c *virtq.Config) { c.Size = -1 }, virtq.BadSize, virtq.BadSize},
		{"one entry", func(c *virtq.Config) { c.Size = 1 }, 0, 0},
		{"no power of two", func(c *virtq.Config) { c.Size = 48 }, virtq.BadSize, 0},
		{"the largest", func(c *virtq.Config) { c.Size = 32768; c.Device = userBase + 2<<20 }, 0, 0},
		{"larger than the largest", func(c *virtq.Config) { c.Size = 65536 }, virtq.BadSize, virtq.BadSize},
		{"descriptors outside memory", func(c *virtq.Config) { c.Desc = end }, virtq.RingOutside, virtq.RingOutside},
		{"descriptors that end outside", func(c *virtq.Config) { c.Desc = end - 16*63 }, virtq.RingOutside, virtq.RingOutside},
		{"descriptors at the end", func(c *virtq.Config) { c.Desc = end - 16*64 }, 0, 0},
		{"the guest's address", func(c *virtq.Config) { c.Desc = guestBase }, virtq.RingOutside, virtq.RingOutside},
		{"descriptors at an odd address", func(c *virtq.Config) { c.Desc += 8 }, virtq.RingMisaligned, virtq.RingMisaligned},
		{"driver area outside memory", func(c *virtq.Config) { c.Driver = 0 }, virtq.RingOutside, virtq.RingOutside},
		{"driver area at an odd address", func(c *virtq.Config) { c.Driver++ }, virtq.RingMisaligned, virtq.RingMisaligned},
		{"driver area at a half word", func(c *virtq.Config) { c.Driver += 2 }, 0, virtq.RingMisaligned},
		{"driver area that ends outside", func(c *virtq.Config) { c.Driver = end - 132 }, virtq.RingOutside, 0},
		{"driver area at the end", func(c *virtq.Config) { c.Driver = end - 134 }, 0, virtq.RingMisaligned},
		{"device area outside memory", func(c *virtq.Config) { c.Device = 1 << 63 }, virtq.RingOutside, virtq.RingOutside},
		{"device area at a half word", func(c *virtq.Config) { c.Device += 2 }, virtq.RingMisaligned, virtq.RingMisaligned},
		{"device area that ends outside", func(c *virtq.Config) { c.Device = end - 516 }, virtq.RingOutside, 0},
		{"device area at the end", func(c *virtq.Config) { c.Device = end - 520 }, 0, 0},
		{"a position outside the ring", func(c *virtq.Config) { c.Position = 64 }, 0, virtq.BadPosition},
		{"an inflight region that is too short", func(c *virtq.Config) { c.Inflight = make([]byte, 1000) }, virtq.BadInflight, virtq.BadInflight},
		{"a log that is too short for the ring", func(c *virtq.Config) {
			c.Log, c.LogRing, c.RingLog = mem.NewLog(guestBase+4<<20), true, 1<<40
		}, virtq.BadLog, 0},
		{"a log address that wraps around", func(c *virtq.Config) {
			c.Log, c.LogRing, c.RingLog = mem.NewLog(guestBase+4<<20), true, 1<<64-1
		}, virtq.BadLog, 0},
		{"a log that does not cover all memory", func(c *virtq.Config) { c.Log = mem.NewLog(guestBase) }, virtq.BadLog, virtq.BadLog},
		{"a log that need not have the ring", func(c *virtq.Config) { c.Log, c.RingLog = mem.NewLog(guestBase+4<<20), 1<<40 }, 0, 0},
	} {
		for _, packed := range []bool{false, true} {
			w := newWorld(t, shape{packed: packed, driver: driver.Config{Size: 64, EventIndex: true}})
			c.change(&w.config)
			want := c.split
			var err error
			if packed {
				want = c.packed
				_, err = virtq.NewPacked(w.table, w.config)
			} else {
				_, err = virtq.NewSplit(w.table, w.config)
			}
			if kindOf(err) != want || (err == nil) != (want == 0) {
				t.Errorf("%s, packed %v: %v, want %v", c.name, packed, err, want)
			}
		}
	}
}

func TestKindsHaveNamesAndSentences(t *testing.T) {
	seen := map[string]bool{}
	unknown := virtq.Kind(200).Sentence()
	for k := virtq.Kind(1); k.Sentence() != unknown; k++ {
		if seen[k.String()] || seen[k.Sentence()] || k.Sentence() == "" {
			t.Errorf("kind %d: %q, %q", k, k, k.Sentence())
		}
		seen[k.String()], seen[k.Sentence()] = true, true
	}
	if s := virtq.Kind(200).String(); s != "kind_200" {
		t.Error(s)
	}
}

// TestAnyPlaceWillDo has the parts of a split ring wherever VIRTIO allows: words that two sides share are the lower
// or the upper half of what is loaded.
func TestAnyPlaceWillDo(t *testing.T) {
	for _, size := range []int{1, 2, 64} {
		for _, at := range []uint64{0, 2, 4, 6} {
			w := newWorld(t, shape{driver: driver.Config{Size: size, EventIndex: true}})
			w.config.Driver = userBase + 0x20000 + at
			w.config.Device = userBase + 0x30000 + at&4
			w.device = w.newDevice()
			r := newRaw(w)
			r.desc(0, w.data, 8, 0, 0)
			for round := range uint16(70) {
				r.head(0)
				n, err := w.device.Take(&w.chains, 8)
				if n != 1 || err != nil {
					t.Fatalf("size %d at %d: %d chains, %v", size, at, n, err)
				}
				w.device.Give(&w.chains, 1)
				w.device.Publish()
				w.device.Kicks(true)
				used := r.field(w.config.Device, 0, 6+8*size+2)
				if le16(used[2:]) != round+1 || le16(used[4+8*size:]) != round+1 {
					t.Fatalf("size %d at %d: used index %d, available event %d after %d rounds",
						size, at, le16(used[2:]), le16(used[4+8*size:]), round+1)
				}
				if le16(used[6+8*size:]) != 0 {
					t.Fatalf("size %d at %d: the byte behind the ring changed", size, at)
				}
			}
		}
	}
}

// The word that says after which chain the guest wants to be told stands behind its available ring, which begins at any
// even address: it is the upper half of an aligned word in every other place.
func TestTheGuestsEventWordIsReadWhereverItIs(t *testing.T) {
	for _, size := range []int{1, 2, 64} {
		for _, at := range []uint64{0, 2, 4, 6} {
			w := newWorld(t, shape{driver: driver.Config{Size: size, EventIndex: true}})
			w.config.Driver = userBase + 0x20000 + at
			w.device = w.newDevice()
			r := newRaw(w)
			r.desc(0, w.data, 8, 0, 0)
			event := r.field(w.config.Driver, 0, 6+2*size+2)[2+2*size:]
			for i := range event { // what stands beside the word counts for nothing
				event[i] = 0xff
			}
			for round := range uint16(300) {
				want := round | 3 // the last one of four
				event[2], event[3] = byte(want), byte(want>>8)
				r.head(0)
				if w.serve(1); w.device.Interrupt() != (round == want || round == 0) {
					t.Fatalf("size %d at %d, round %d: told %v, the guest wants to be told of %d", size, at, round, round != want, want)
				}
			}
		}
	}
}

func le16(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }

package xsk

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// testRing returns a ring over plain memory whose indices start at start.
func testRing(t *testing.T, slots, start uint32) ring[uint64] {
	t.Helper()
	at := unix.XDPRingOffset{Producer: 0, Consumer: 4, Flags: 8, Desc: 16}
	r, err := newRing[uint64](make([]byte, 16+8*slots), at, slots)
	if err != nil {
		t.Fatal(err)
	}
	r.producer.Store(start)
	r.consumer.Store(start)
	return r
}

func TestARingIsAQueue(t *testing.T) {
	for _, slots := range []uint32{1, 2, 64} {
		for _, start := range []uint32{0, 1<<31 - 3, 1<<32 - 3} {
			t.Run(fmt.Sprintf("of %d slots from index %d", slots, start), func(t *testing.T) {
				r := testRing(t, slots, start)
				p, c := newProducer(r), newConsumer(r)
				var twin []uint64 // what a plain queue would hold
				var next uint64
				rnd := rand.New(rand.NewPCG(1, uint64(slots)))
				for range 5000 {
					n := rnd.Uint32N(slots + 2)
					if rnd.IntN(2) == 0 {
						if got, want := p.room(slots), slots-uint32(len(twin)); got != want {
							t.Fatalf("room %d, want %d", got, want)
						}
						for range min(n, p.room(n)) {
							p.put(next)
							twin = append(twin, next)
							next++
						}
						p.publish()
						continue
					}
					if got, want := c.avail(slots), uint32(len(twin)); got != want {
						t.Fatalf("avail %d, want %d", got, want)
					}
					for range min(n, c.avail(n)) {
						if got := c.take(); got != twin[0] {
							t.Fatalf("took %d, want %d", got, twin[0])
						}
						twin = twin[1:]
					}
					c.release()
				}
			})
		}
	}
}

func TestTheOtherSidesIndexIsReadOnlyWhenNeeded(t *testing.T) {
	r := testRing(t, 8, 0)
	p, c := newProducer(r), newConsumer(r)
	p.put(1)
	p.publish()
	if got := c.avail(1); got != 1 {
		t.Fatalf("avail(1) = %d, want 1", got)
	}
	p.put(2)
	p.publish()
	if got := c.avail(1); got != 1 {
		t.Errorf("avail(1) = %d: want the 1 known of, without a look", got)
	}
	if got := c.avail(2); got != 2 {
		t.Errorf("avail(2) = %d, want 2", got)
	}
}

func TestAnIndexThatCannotBeIsBounded(t *testing.T) {
	r := testRing(t, 8, 0)
	c := newConsumer(r)
	r.producer.Store(1000)
	if got := c.avail(1); got != 8 {
		t.Errorf("avail = %d with a producer 1000 ahead, want the 8 slots there are", got)
	}
	r = testRing(t, 8, 0)
	p := newProducer(r)
	r.consumer.Store(5)
	if got := p.room(8); got != 0 && got > 8 {
		t.Errorf("room = %d with a consumer ahead of the producer", got)
	}
}

func TestALayoutThatDoesNotFitIsAnError(t *testing.T) {
	good := unix.XDPRingOffset{Producer: 0, Consumer: 4, Flags: 8, Desc: 16}
	for _, c := range []struct {
		name  string
		at    unix.XDPRingOffset
		bytes int
		slots uint32
		want  string
	}{
		{"no slots", good, 80, 0, "power of two"},
		{"slots no power of two", good, 80, 3, "power of two"},
		{"slots beyond the memory", good, 79, 8, "beyond"},
		{"slots far beyond the memory", unix.XDPRingOffset{Desc: 1 << 63}, 80, 8, "beyond"},
		{"a word beyond the memory", unix.XDPRingOffset{Producer: 77, Desc: 16}, 80, 8, "beyond"},
		{"a word not aligned", unix.XDPRingOffset{Producer: 1, Desc: 16}, 80, 8, "aligned"},
		{"slots not aligned", unix.XDPRingOffset{Desc: 12}, 80, 8, "aligned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newRing[uint64](make([]byte, c.bytes), c.at, c.slots)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestBitset(t *testing.T) {
	s := newBitset(130)
	for _, i := range []uint32{0, 63, 64, 129} {
		if s.has(i) {
			t.Errorf("bit %d is set from the start", i)
		}
		s.set(i)
	}
	s.clear(64)
	var got []uint32
	s.drain(func(i uint32) { got = append(got, i) })
	if want := []uint32{0, 63, 129}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("drained %v, want %v", got, want)
	}
	s.drain(func(i uint32) { t.Errorf("bit %d is still set", i) })
}

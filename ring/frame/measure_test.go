package frame

import (
	"math/rand/v2"
	"testing"
)

// TestFramesAreMeasuredAsEachForItself makes batches of packets of all kinds and holds what is said of all of them against a look at each.
func TestFramesAreMeasuredAsEachForItself(t *testing.T) {
	p := newPool(t, Options{Buffers: 256})
	c := newCache(t, p)
	rng := rand.New(rand.NewPCG(1, 2))
	plain := 0
	for range 500 {
		var fs []Frame
		want := Measure{Least: 0xffff, Plain: true}
		odd := rng.IntN(3) // in how many kinds packets may differ from plain ones
		for range 1 + rng.IntN(MaxBatch) {
			size := rng.IntN(p.Room() + 1)
			if odd > 1 && rng.IntN(20) == 0 {
				size += p.Room()
			}
			f, ok := c.FromBytes(make([]byte, size))
			if !ok {
				break
			}
			if odd > 0 && rng.IntN(20) == 0 {
				f.SetFlags(Flags(1 + rng.IntN(3)))
			}
			want.Bytes += size
			want.Longest, want.Least = max(want.Longest, size), min(want.Least, f.Len())
			want.Plain = want.Plain && f.Flags() == 0 && f.More() == 0
			fs = append(fs, f)
		}
		if got := p.Measure(fs); got != want {
			t.Fatalf("%d frames: %+v, want %+v", len(fs), got, want)
		}
		if want.Plain {
			plain++
		}
		for _, f := range fs {
			c.Put(f)
		}
	}
	if plain < 100 || plain > 400 {
		t.Errorf("%d of 500 batches are plain: too few or too many to tell", plain)
	}
}

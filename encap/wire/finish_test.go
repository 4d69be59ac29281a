package wire

import (
	"bytes"
	"testing"
)

func TestAChecksumIsFinishedAsTheSenderSays(t *testing.T) {
	pool, c := newTestPool(t)
	defer closeTestPool(t, pool, c)
	for _, r := range completable() {
		for _, size := range []int{0, 1, 1400, 5001} {
			r.size = size
			want, p := r.build(), partial(r)
			f, ok := c.FromBytes(p.b)
			if !ok {
				t.Fatal("the arena is exhausted")
			}
			if !FinishChecksum(pool, f, p.l4, checksumOffset(r, p)-p.l4) {
				t.Fatalf("%s with %d bytes was not finished", p.name, size)
			}
			if got := pool.AppendTo(nil, f); !bytes.Equal(got, want.b) {
				t.Errorf("%s with %d bytes has checksum %x, want %x", p.name, size,
					got[checksumOffset(r, p):][:2], want.b[checksumOffset(r, want):][:2])
			}
			c.Put(f)
		}
	}
}

func TestAChecksumThatHasNoPlaceIsNotFinished(t *testing.T) {
	pool, c := newTestPool(t)
	defer closeTestPool(t, pool, c)
	b := bytes.Repeat([]byte{0xa5}, 2000) // more than one buffer
	f, ok := c.FromBytes(b)
	if !ok {
		t.Fatal("the arena is exhausted")
	}
	defer c.Put(f)
	for _, at := range [][2]int{{f.Len() - 1, 0}, {0, f.Len() - 1}, {f.Len(), 0}, {65535, 65535}, {-2, 0}, {0, -2}, {1990, 0}} {
		if FinishChecksum(pool, f, at[0], at[1]) {
			t.Errorf("start %d and offset %d were taken for a packet with %d bytes in the first buffer", at[0], at[1], f.Len())
		}
	}
	if !bytes.Equal(pool.AppendTo(nil, f), b) {
		t.Error("the packet was changed")
	}
	if !FinishChecksum(pool, f, f.Len()-2, 0) {
		t.Error("a field at the end of the first buffer was not finished")
	}
}

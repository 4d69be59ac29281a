package frame

import (
	"bytes"
	"slices"
	"testing"
)

func TestPrependAllMovesTheStartOfAllThatHaveRoom(t *testing.T) {
	p := newPool(t, Options{Buffers: 16})
	c := newCache(t, p)
	for _, n := range []int{0, 1, 50, Headroom} {
		plain, chain, unfinished, popped, tight := chainOf(t, p, c, 60), chainOf(t, p, c, 60, 70), chainOf(t, p, c, 60), tunnelled(t, p, c, 4, 60), chainOf(t, p, c, 60)
		unfinished.SetFlags(HasOffload)
		if !p.Prepend(&tight, Headroom-n+1) && n > 0 {
			t.Fatal("no headroom")
		}
		frames := []Frame{plain, chain, unfinished, popped, tight}
		was := slices.Clone(frames)
		var data [][]byte
		for _, f := range frames {
			data = append(data, p.AppendTo(nil, f))
		}
		want := uint64(1<<1 | 1<<2 | 1<<4)
		if n == 0 {
			want &^= 1 << 4
		}
		if got := p.PrependAll(frames, n, 0); got != want {
			t.Fatalf("%d bytes: left %b, want %b", n, got, want)
		}
		for i, f := range frames {
			if want>>i&1 != 0 {
				if f != was[i] {
					t.Errorf("%d bytes: frame %d has changed", n, i)
				}
			} else if f.Len() != was[i].Len()+n || f.Flags() != 0 || !bytes.Equal(p.Bytes(f)[n:], data[i]) {
				t.Errorf("%d bytes: frame %d is %+v, was %+v", n, i, f, was[i])
			}
			c.Put(f)
		}
	}
}

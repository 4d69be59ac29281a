package frame

import (
	"bytes"
	"slices"
	"testing"
)

func TestWrapPutsTheSameInFrontOfAllThatTakeIt(t *testing.T) {
	p := newPool(t, Options{Buffers: 16})
	c := newCache(t, p)
	for size := wrapPart; size <= Headroom; size++ {
		head := make([]byte, size)
		for i := range head {
			head[i] = byte(i + size)
		}
		plain, chain, unfinished, popped, tight := chainOf(t, p, c, 60), chainOf(t, p, c, 60, 70), chainOf(t, p, c, 60), tunnelled(t, p, c, 4, 60), chainOf(t, p, c, 60)
		unfinished.SetFlags(HasOffload)
		if !p.Prepend(&tight, Headroom-size+1) {
			t.Fatal("no headroom")
		}
		frames := []Frame{plain, chain, unfinished, popped, tight}
		was := slices.Clone(frames)
		var data [][]byte
		for _, f := range frames {
			data = append(data, p.AppendTo(nil, f))
		}
		if got := p.Wrap(frames, head); got != 1<<0|1<<3 {
			t.Fatalf("%d bytes: wrapped %b", size, got)
		}
		for i, f := range frames {
			want := data[i]
			if i == 0 || i == 3 {
				want = slices.Concat(head, want)
			} else if f != was[i] {
				t.Errorf("%d bytes: frame %d has changed", size, i)
			}
			if got := p.AppendTo(nil, f); !bytes.Equal(got, want) {
				t.Errorf("%d bytes: frame %d is\n% x, want\n% x", size, i, got, want)
			}
			c.Put(f)
		}
		if f := frames[3]; f.Flags() != 0 {
			t.Errorf("flags %b", f.Flags())
		}
	}
}

package frame

import (
	"bytes"
	"testing"
)

// chainOf returns a packet of one buffer per size, filled with bytes that count up.
func chainOf(t testing.TB, p *Pool, c *Cache, sizes ...int) Frame {
	t.Helper()
	var ch Chain
	next := byte(0)
	for _, n := range sizes {
		f := mustGet(t, c)
		p.SetLen(&f, n)
		for i := range p.Bytes(f) {
			p.Bytes(f)[i] = next
			next++
		}
		if !ch.Append(p, f) {
			t.Fatal("the chain is full")
		}
	}
	return ch.Frame(p)
}

func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestAChainIsOnePacket(t *testing.T) {
	p := newPool(t, Options{Buffers: 128})
	c := newCache(t, p)
	for _, sizes := range [][]int{{0}, {60}, {1664, 1}, {100, 200, 300}, {10, 0, 10}} {
		f := chainOf(t, p, c, sizes...)
		sum := 0
		for _, n := range sizes {
			sum += n
		}
		if f.More() != len(sizes)-1 || p.Total(f) != sum || f.Len() != sizes[0] {
			t.Errorf("%v: %d more, %d bytes, %d in the first", sizes, f.More(), p.Total(f), f.Len())
		}
		got := bytes.Repeat([]byte{0xa5}, sum+10)
		if n := p.CopyOut(f, got); n != sum || !bytes.Equal(got[:n], counting(sum)) || got[sum] != 0xa5 {
			t.Errorf("%v: %d bytes copied out, or wrong ones", sizes, n)
		}
		walked := 1
		for g, ok := p.Next(f); ok; g, ok = p.Next(g) {
			if g.Len() != sizes[walked] || g.More() != len(sizes)-1-walked {
				t.Errorf("%v: buffer %d has %d bytes and %d more", sizes, walked, g.Len(), g.More())
			}
			walked++
		}
		if walked != len(sizes) {
			t.Errorf("%v: walked %d buffers", sizes, walked)
		}
		c.Put(f)
	}
}

func TestCopyOutStopsWhereTheDestinationEnds(t *testing.T) {
	p := newPool(t, Options{Buffers: 8})
	c := newCache(t, p)
	f := chainOf(t, p, c, 5, 5, 5)
	for n := range 15 {
		dst := bytes.Repeat([]byte{0xa5}, 20)
		if got := p.CopyOut(f, dst[:n]); got != n || !bytes.Equal(dst[:n], counting(n)) || dst[n] != 0xa5 {
			t.Errorf("into %d bytes: %d copied, %v", n, got, dst)
		}
	}
	c.Put(f)
}

func TestAChainHasAnEnd(t *testing.T) {
	p := newPool(t, Options{Buffers: 128})
	c := newCache(t, p)
	var ch Chain
	for range MaxChain {
		f := mustGet(t, c)
		p.SetLen(&f, p.Room())
		if !ch.Append(p, f) {
			t.Fatalf("the chain is full at %d buffers", ch.Len())
		}
	}
	over := mustGet(t, c)
	if ch.Append(p, over) {
		t.Error("the chain took more than MaxChain buffers")
	}
	c.Put(over)
	f := ch.Frame(p)
	if f.More() != MaxChain-1 || p.Total(f) != MaxChain*p.Room() || p.Total(f) < 64<<10 {
		t.Errorf("%d more, %d bytes", f.More(), p.Total(f))
	}
	c.Put(f)
	wantPanic(t, "no buffers", func() { ch.Frame(p) })
}

func TestACopyIsAPacketOfItsOwn(t *testing.T) {
	p := newPool(t, Options{Buffers: 32})
	c := newCache(t, p)
	for _, sizes := range [][]int{{60}, {100, 200, 300}} {
		f := chainOf(t, p, c, sizes...)
		p.Trim(&f, 14) // another place in the buffer than a fresh frame's
		f.SetFlags(HasOffload)
		p.Meta(f).Offload = Offload{GSO: GSOTCPv4, GSOSize: 1448}
		dup, ok := c.Copy(f)
		if !ok {
			t.Fatal("no copy")
		}
		if dup.Flags() != HasOffload || p.Meta(dup).Offload != p.Meta(f).Offload || p.Headroom(dup) != p.Headroom(f) {
			t.Errorf("%v: the copy's flags, wishes or place differ", sizes)
		}
		want := make([]byte, p.Total(f))
		p.CopyOut(f, want)
		for i := range p.Bytes(f) {
			p.Bytes(f)[i] = 0xa5
		}
		c.Put(f)
		got := make([]byte, p.Total(dup))
		if n := p.CopyOut(dup, got); n != len(want) || !bytes.Equal(got, want) {
			t.Errorf("%v: the copy changed with the original", sizes)
		}
		c.Put(dup)
	}
}

func TestACopyThatDoesNotFitLeavesNothingBehind(t *testing.T) {
	p := newPool(t, Options{Buffers: 5})
	c := newCache(t, p)
	f := chainOf(t, p, c, 10, 10, 10)
	if _, ok := c.Copy(f); ok {
		t.Error("3 buffers were copied into 2")
	}
	hold := []Frame{mustGet(t, c), mustGet(t, c)} // both came back
	if _, ok := c.Copy(f); ok {
		t.Error("3 buffers were copied into none")
	}
	if p.Total(f) != 30 {
		t.Error("the original changed")
	}
	for _, h := range append(hold, f) {
		c.Put(h)
	}
}

func TestAListIsFirstInFirstOut(t *testing.T) {
	p := newPool(t, Options{Buffers: 64})
	c := newCache(t, p)
	var l List
	var twin []Frame
	if _, ok := l.Pop(p); ok {
		t.Error("an empty list gave a frame")
	}
	for round := range 200 {
		if round%7 < 4 && len(twin) < 40 {
			f := mustGet(t, c)
			l.Push(p, f)
			twin = append(twin, f)
		} else if f, ok := l.Pop(p); ok != (len(twin) > 0) || ok && f != twin[0] {
			t.Fatalf("round %d: popped %+v, %v", round, f, ok)
		} else if ok {
			c.Put(f)
			twin = twin[1:]
		}
		if l.Len() != len(twin) {
			t.Fatalf("length %d, want %d", l.Len(), len(twin))
		}
	}
	for f, ok := l.Pop(p); ok; f, ok = l.Pop(p) {
		c.Put(f)
	}
}

func TestAListKeepsChainsWhole(t *testing.T) {
	p := newPool(t, Options{Buffers: 16})
	c := newCache(t, p)
	var l List
	l.Push(p, chainOf(t, p, c, 5, 5))
	l.Push(p, chainOf(t, p, c, 7, 7, 7))
	for _, want := range []int{10, 21} {
		f, ok := l.Pop(p)
		if !ok || p.Total(f) != want {
			t.Errorf("got %d bytes, want %d", p.Total(f), want)
		}
		c.Put(f)
	}
}

func TestABatchHoldsMaxBatchFrames(t *testing.T) {
	var b Batch
	for i := range MaxBatch {
		if b.Len() != i || b.Room() != MaxBatch-i {
			t.Fatalf("length %d, room %d after %d frames", b.Len(), b.Room(), i)
		}
		b.Append(at(uint32(i), 0))
	}
	if f := b.Frames(); len(f) != MaxBatch || f[5].Off() != 5 {
		t.Error("frames are not in order")
	}
	b.Truncate(3)
	if b.Len() != 3 || b.Frames()[2].Off() != 2 {
		t.Error("truncating kept the wrong frames")
	}
	b.Reset()
	if b.Len() != 0 || b.Room() != MaxBatch {
		t.Error("a batch that was reset is not empty")
	}
}

// TestThePacketsFrontIsAsLongAsAsked cuts packets, and copies their front, at every length; buffers behind
// the cut come home, or the pool says so at the end.
func TestThePacketsFrontIsAsLongAsAsked(t *testing.T) {
	p := newPool(t, Options{Buffers: 128})
	c := newCache(t, p)
	for _, sizes := range [][]int{{0}, {60}, {20, 1}, {10, 20, 30}, {10, 0, 10}, {7, 0, 0}} {
		total := 0
		for _, n := range sizes {
			total += n
		}
		for size := 0; size <= total+1; size++ {
			f := chainOf(t, p, c, sizes...)
			f.SetFlags(HasOffload)
			p.Meta(f).Offload = Offload{GSOSize: 5}
			want := counting(min(size, total))
			dup, ok := c.CopyFront(f, size)
			if !ok {
				t.Fatal("the arena is exhausted")
			}
			if got := p.AppendTo(nil, f); !bytes.Equal(got, counting(total)) {
				t.Errorf("%v: a copy of %d bytes left %d", sizes, size, len(got))
			}
			c.Cut(&f, size)
			for what, g := range map[string]Frame{"copied": dup, "cut": f} {
				if got := p.AppendTo(nil, g); !bytes.Equal(got, want) || p.Total(g) != len(want) {
					t.Errorf("%v: %s at %d: %d bytes, total %d", sizes, what, size, len(got), p.Total(g))
				}
				if whole := size >= total; (g.Flags()&HasOffload != 0) != whole {
					t.Errorf("%v: %s at %d: flags %d", sizes, what, size, g.Flags())
				}
				c.Put(g)
			}
		}
	}
}

package frame

import (
	"errors"
	"math"
)

// ErrCaches is returned when more caches are asked for than Options.Caches allows.
var ErrCaches = errors.New("frame: all caches of the pool are in use")

// A Cache is one owner's private stock of free buffers; it trades whole magazines with the Pool, so
// that allocating and freeing touch shared memory once in 64 times. It holds at most 128 buffers.
//
// Thread-safety: one goroutine at a time.
type Cache struct {
	p    *Pool
	free []uint32 // magazine cur: free buffers in the first n places
	cur  uint32   // magazine that Get and Put work on
	n    uint32   // buffers in cur
	prev uint32   // a second one, either full or empty, so that Get and Put in turn do not trade
	pn   uint32   // buffers in prev
	_    [80]byte // caches of different workers share no cache line, nor a pair that is fetched together
}

// NewCache returns an empty cache. Close gives its buffers back.
func (p *Pool) NewCache() (*Cache, error) {
	d := &p.depot
	if !d.open() {
		return nil, ErrCaches
	}
	cur, ok1 := d.empty.pop(d.next)
	prev, ok2 := d.empty.pop(d.next)
	if !ok1 || !ok2 {
		panic("frame: a magazine is missing")
	}
	return &Cache{p: p, free: d.magazine(cur), cur: cur, prev: prev}, nil
}

// Pool returns the pool the cache allocates from.
func (c *Cache) Pool() *Pool { return c.p }

// Get allocates a buffer: an empty frame behind the standard headroom. ok is false when the arena
// has no free buffer left.
func (c *Cache) Get() (f Frame, ok bool) {
	if c.n == 0 && !c.refill() {
		return Frame{}, false
	}
	c.n--
	buf := c.free[c.n]
	if c.p.audit != nil {
		c.p.take(buf)
	}
	return at(buf<<c.p.shift+Headroom, 0), true
}

// Put frees f and the whole chain behind it.
func (c *Cache) Put(f Frame) {
	for f.More() != 0 {
		next, _ := c.p.Next(f)
		c.put(f.Off() >> c.p.shift)
		f = next
	}
	c.put(f.Off() >> c.p.shift)
}

// Fill appends up to n fresh frames to b, as many as it has room for and the arena has buffers, and
// returns how many.
func (c *Cache) Fill(b *Batch, n int) int {
	n = max(0, min(n, b.Room()))
	for left := n; left > 0; {
		if c.n == 0 && !c.refill() {
			return n - left
		}
		k := min(uint32(left), c.n)
		c.n -= k
		left -= int(k)
		from, shift := c.free[c.n:c.n+k], c.p.shift&31
		to := b.f[b.n:][:len(from)]
		b.n += len(from)
		for i, buf := range from {
			to[i] = at(buf<<shift+Headroom, 0)
		}
		if c.p.audit != nil {
			for _, f := range to {
				c.p.take(f.Off() >> c.p.shift)
			}
		}
	}
	return n
}

// PutBatch frees every frame of b and empties it.
func (c *Cache) PutBatch(b *Batch) {
	for fs := b.Frames(); len(fs) > 0; {
		if n := c.putPlain(fs); n > 0 {
			fs = fs[n:]
			continue
		}
		c.Put(fs[0])
		fs = fs[1:]
	}
	b.Reset()
}

// putPlain frees the first of some frames, as long as they have one buffer each and there is room in cur, and
// returns how many.
func (c *Cache) putPlain(fs []Frame) int {
	if c.p.audit != nil {
		return 0
	}
	room := c.free[c.n:]
	fs = fs[:min(len(fs), len(room))]
	room = room[:len(fs)]
	shift := c.p.shift & 31
	for i, f := range fs {
		if f.More() != 0 {
			c.n += uint32(i)
			return i
		}
		room[i] = f.Off() >> shift
	}
	c.n += uint32(len(fs))
	return len(fs)
}

// Copy returns a copy of the whole packet f, chain, offload wishes and outer headers included, in buffers of
// its own. ok is false when the arena has too few free buffers; f is unchanged either way.
func (c *Cache) Copy(f Frame) (dup Frame, ok bool) { return c.CopyFront(f, math.MaxInt) }

// CopyFront is Copy of the first size bytes of f, which is copied whole if it has no more. Offload wishes
// do not outlive a cut: what they are about is not all there.
func (c *Cache) CopyFront(f Frame, size int) (dup Frame, ok bool) {
	head := f
	cut := size < c.p.Total(f)
	var ch Chain
	for {
		g, ok := c.Get()
		if !ok {
			if ch.Len() > 0 {
				c.Put(ch.Frame(c.p))
			}
			return Frame{}, false
		}
		// Same place in the buffer: same headroom, same alignment.
		g = at(g.Off()&^c.p.mask|f.Off()&c.p.mask, min(f.Len(), size))
		copy(c.p.Bytes(g), c.p.Bytes(f))
		ch.Append(c.p, g)
		size -= g.Len()
		if f, ok = c.p.Next(f); !ok || size == 0 {
			break
		}
	}
	dup = ch.Frame(c.p)
	flags := head.Flags()
	if cut {
		flags &^= HasOffload
	}
	dup.SetFlags(flags)
	if flags&HasOffload != 0 {
		c.p.Meta(dup).Offload = c.p.Meta(head).Offload
	}
	if flags&HasTunnel != 0 {
		c.p.copyTunnel(dup, head)
	}
	return dup, true
}

// Cut shortens the packet f to its first size bytes and frees the buffers behind them. A packet that has
// no more stays as it is; offload wishes go as in CopyFront.
func (c *Cache) Cut(f *Frame, size int) {
	p := c.p
	if size >= p.Total(*f) {
		return
	}
	f.SetFlags(f.Flags() &^ HasOffload)
	end := f // the last buffer that stays
	left := size
	kept := 0
	for tail := *f; left > tail.Len(); kept++ {
		left -= tail.Len()
		end = &p.Meta(tail).Next
		tail, _ = p.Next(tail)
	}
	if kept < f.More() {
		last := *end
		last.setMore(f.More() - kept)
		rest, _ := p.Next(last)
		c.Put(rest)
	}
	end.setLen(left)
	if f.setMore(kept); kept > 0 {
		p.Meta(*f).Total = uint32(size)
	}
}

// Close gives the cache's buffers back to the pool. The cache must not be used after.
func (c *Cache) Close() {
	if c.p == nil {
		return
	}
	d := &c.p.depot
	d.merge(c.cur, c.n)
	d.give(c.prev, c.pn)
	d.caches.Add(1) // last: who opens a cache on the strength of it finds the magazines
	*c = Cache{}
}

func (c *Cache) put(buf uint32) {
	if c.p.audit != nil {
		c.p.release(buf)
	}
	if c.n == magazineSize {
		c.spill()
	}
	c.free[c.n] = buf
	c.n++
}

// refill makes cur hold at least one buffer.
func (c *Cache) refill() bool {
	if c.pn > 0 {
		c.swap()
		return true
	}
	d := &c.p.depot
	m, n, ok := d.take()
	if !ok {
		return false
	}
	d.give(c.cur, 0)
	c.use(m, n)
	return true
}

// spill makes room in cur, which is full.
func (c *Cache) spill() {
	if c.pn < magazineSize {
		c.swap()
		return
	}
	d := &c.p.depot
	m, ok := d.empty.pop(d.next)
	if !ok {
		panic("frame: no empty magazine: a buffer was freed twice")
	}
	d.give(c.cur, c.n)
	c.use(m, 0)
}

// swap makes the second magazine the one that Get and Put work on.
func (c *Cache) swap() {
	m, n := c.prev, c.pn
	c.prev, c.pn = c.cur, c.n
	c.use(m, n)
}

// use makes magazine m, with n buffers in it, the one that Get and Put work on.
func (c *Cache) use(m, n uint32) {
	c.free, c.cur, c.n = c.p.depot.magazine(m), m, n
}

package frame

// MaxChain is the most buffers one packet may have: 64 KiB in buffers of 2048 bytes with room to
// spare, and what fits in Frame's count.
const MaxChain = 64 // buffers

// A Chain builds one packet out of several buffers, front to back. The zero value is empty.
type Chain struct {
	head  Frame
	last  Frame
	total uint32 // bytes
	n     int    // buffers
}

// Len returns the number of buffers added.
func (c *Chain) Len() int { return c.n }

// Append adds a single buffer at the end and takes ownership of it. It reports false, and leaves f
// with the caller, when the chain has MaxChain buffers already.
func (c *Chain) Append(p *Pool, f Frame) bool {
	if c.n == MaxChain {
		return false
	}
	if c.n == 0 {
		c.head = f
	} else {
		p.Meta(c.last).Next = f
	}
	c.last = f
	c.total += uint32(f.Len())
	c.n++
	return true
}

// Frame returns the packet and empties c. c must not be empty.
func (c *Chain) Frame(p *Pool) Frame {
	if c.n == 0 {
		panic("frame: a chain of no buffers")
	}
	f := c.head
	f.setMore(c.n - 1)
	if c.n > 1 {
		p.Meta(f).Total = c.total
	}
	*c = Chain{}
	return f
}

// Next returns the buffer behind f in its chain, as a frame that knows how many follow it; ok is
// false when f is the last. It does not pass ownership: the head owns the chain.
func (p *Pool) Next(f Frame) (next Frame, ok bool) {
	if f.More() == 0 {
		return Frame{}, false
	}
	next = p.Meta(f).Next
	next.setMore(f.More() - 1)
	return next, true
}

// CopyOut copies the whole packet, all buffers, into dst and returns the number of bytes copied.
func (p *Pool) CopyOut(f Frame, dst []byte) int {
	n := copy(dst, p.Bytes(f))
	for f.More() != 0 {
		f, _ = p.Next(f)
		n += copy(dst[n:], p.Bytes(f))
	}
	return n
}

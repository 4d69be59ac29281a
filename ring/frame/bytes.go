package frame

// FromBytes returns a packet that holds a copy of data, as a chain when one buffer does not take it.
// ok is false when data needs more than MaxChain buffers or the arena has too few free ones.
func (c *Cache) FromBytes(data []byte) (f Frame, ok bool) {
	var ch Chain
	for {
		g, ok := c.Get()
		if !ok {
			break
		}
		n := min(len(data), c.p.Room())
		g.setLen(n)
		copy(c.p.Bytes(g), data)
		data = data[n:]
		if !ch.Append(c.p, g) {
			c.Put(g)
			break
		}
		if len(data) == 0 {
			return ch.Frame(c.p), true
		}
	}
	if ch.Len() > 0 {
		c.Put(ch.Frame(c.p))
	}
	return Frame{}, false
}

// AppendTo appends a copy of the whole packet f, all its buffers, to dst and returns it.
func (p *Pool) AppendTo(dst []byte, f Frame) []byte {
	dst = append(dst, p.Bytes(f)...)
	for f.More() != 0 {
		f, _ = p.Next(f)
		dst = append(dst, p.Bytes(f)...)
	}
	return dst
}

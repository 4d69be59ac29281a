package virtq

import "github.com/culvertdev/culvert/vhost/mem"

// A builder puts one chain's segments into a Chains. The fields are locals of a take in progress.
type builder struct {
	b       *Chains
	win     *mem.Window
	addrs   bool   // note the segments' addresses, for the log
	writing bool   // a writable descriptor has been seen
	bytes   uint64 // so far
	first   int    // the chain's first segment
	split   int    // its first writable one, once writing
}

func (b *Chains) build(win *mem.Window, addrs bool) builder {
	return builder{b: b, win: win, addrs: addrs, first: b.segs}
}

// add appends what one descriptor names: usually one segment, more when it reaches over several regions of
// memory. It returns what is wrong, or 0, and with it the value to show.
func (c *builder) add(addr uint64, n uint32, write bool) (Kind, uint64) {
	if n == 0 {
		return EmptyBuffer, addr
	}
	if write != c.writing {
		if !write { // VIRTIO 1.2, 2.7.4.2 and 2.8.17
			return BufferOrder, addr
		}
		c.writing, c.split = true, c.b.segs
	}
	// VIRTIO 1.2, 2.7.5.2: at most 2^32 bytes in total; a length here has 32 bits.
	if c.bytes += uint64(n); c.bytes > 1<<32-1 {
		return TooManyBytes, c.bytes
	}
	for n > 0 {
		piece, ok := c.win.Bytes(addr, n)
		if !ok {
			piece = c.win.Piece(addr, n)
		}
		if len(piece) == 0 {
			return BufferOutside, addr
		}
		if c.b.segs == MaxSegments {
			return TooManySegments, MaxSegments
		}
		c.b.seg[c.b.segs] = piece
		if c.addrs {
			c.b.addr[c.b.segs] = c.win.Guest(addr)
		}
		c.b.segs++
		addr += uint64(len(piece)) // no region reaches the end of the address space
		n -= uint32(len(piece))
	}
	return 0, 0
}

// finish makes the segments a chain.
func (c *builder) finish(id, slots, entry uint16) {
	if !c.writing {
		c.split = c.b.segs
	}
	c.b.chain[c.b.n].set(id, slots, entry, c.first, c.split, c.b.segs)
	c.b.n++
}

// undo takes the segments of an unfinished chain out again.
func (c *builder) undo() { c.b.segs = c.first }

package virtq_test

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/vhost/virtq"
)

// twin is a device that takes chains the simplest way: one at a time, byte by byte from memory, with nothing but
// the text of VIRTIO 1.2 at hand. What it takes, and what it says of a guest's mistakes, is what Split and Packed
// must take and say.
type twin struct {
	w     *world
	known int // bytes of memory that the device knows, from its beginning
	dead  bool

	next, seen, shown uint16 // split: free-running indices

	at   int // packed: descriptor, and its wrap counter
	wrap bool
}

// twinChain is a chain that a twin took.
type twinChain struct {
	readable, writable []span
	slots              int
}

// span is memory by guest-physical address.
type span struct {
	addr uint64
	n    uint32
}

// twinDesc is a descriptor as it is in memory; last is id or next.
type twinDesc struct {
	addr     uint64
	n        uint32
	flags    uint16
	id, next uint16
}

func newTwin(w *world) *twin { return &twin{w: w, known: len(w.memory), wrap: true} }

func (d *twin) ring(base, off uint64, n int) uint64 {
	b := d.w.memory[base-userBase+off:]
	switch n {
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// desc reads the descriptor at an offset of the guest's memory.
func (d *twin) desc(off uint64) twinDesc {
	a, b := uint16(d.ring(userBase, off+12, 2)), uint16(d.ring(userBase, off+14, 2))
	v := twinDesc{addr: d.ring(userBase, off, 8), n: uint32(d.ring(userBase, off+8, 4))}
	if d.w.shape.packed {
		v.id, v.flags = a, b
	} else {
		v.flags, v.next = a, b
	}
	return v
}

// take takes up to limit chains, or says what is wrong.
func (d *twin) take(limit int) ([]twinChain, virtq.Kind) {
	limit = min(limit, virtq.MaxChains)
	if !d.w.shape.packed {
		n := int(d.seen - d.next)
		if n < limit {
			if k := d.look(); k != 0 {
				return nil, k
			}
			n = int(d.seen - d.next)
		}
		limit = min(limit, n)
	}
	var all []twinChain
	segments, slots := 0, 0
	for len(all) < limit && slots < d.w.config.Size {
		c, found, k := d.one(d.w.config.Size - slots)
		if !found {
			break
		}
		if n := len(c.readable) + len(c.writable); k == 0 && segments+n > virtq.MaxSegments {
			k = virtq.TooManySegments
		}
		if k == virtq.TooManySegments && len(all) > 0 {
			break
		}
		if d.w.config.IOTLB != nil && (k == virtq.BufferOutside || k == virtq.IndirectOutside) {
			break // it waits until that is known
		}
		if k != 0 {
			d.dead = true
			return nil, k
		}
		segments += len(c.readable) + len(c.writable)
		slots += c.slots
		d.step(c.slots)
		all = append(all, c)
	}
	return all, 0
}

// look reads a split ring's index.
func (d *twin) look() virtq.Kind {
	seen := uint16(d.ring(d.w.config.Driver, 2, 2))
	if int(seen-d.next) > d.w.config.Size || int(seen-d.shown) > d.w.config.Size {
		d.dead = true
		return virtq.IndexJump
	}
	d.seen = seen
	return 0
}

// step goes on behind a chain, or back in front of it.
func (d *twin) step(slots int) {
	if !d.w.shape.packed {
		if slots > 0 {
			d.next++
		} else {
			d.next--
		}
		return
	}
	d.at += slots
	if d.at >= d.w.config.Size {
		d.at, d.wrap = d.at-d.w.config.Size, !d.wrap
	}
	if d.at < 0 {
		d.at, d.wrap = d.at+d.w.config.Size, !d.wrap
	}
}

// available says whether a packed descriptor is, in a lap with this wrap counter.
func available(flags uint16, wrap bool) bool {
	return flags&fAvail != 0 == wrap && flags&fUsed != 0 != wrap
}

// one reads the next chain, of at most most descriptors.
func (d *twin) one(most int) (c twinChain, found bool, k virtq.Kind) {
	if d.w.shape.packed {
		return d.onePacked(most)
	}
	size := uint64(d.w.config.Size)
	head := d.ring(d.w.config.Driver, 4+2*(uint64(d.next)%size), 2)
	if head >= size {
		return c, true, virtq.HeadRange
	}
	c.slots = 1
	for at, n := head, uint64(0); ; n++ {
		if n == size {
			return c, true, virtq.ChainLoop
		}
		e := d.desc(d.w.config.Desc - userBase + 16*at)
		if e.flags&fIndirect != 0 {
			return c, true, d.table(&c, e, false)
		}
		if k := d.add(&c, e); k != 0 {
			return c, true, k
		}
		if e.flags&fNext == 0 {
			return c, true, 0
		}
		if at = uint64(e.next); at >= size {
			return c, true, virtq.NextRange
		}
	}
}

func (d *twin) onePacked(most int) (c twinChain, found bool, k virtq.Kind) {
	size := d.w.config.Size
	at, wrap := d.at, d.wrap
	for {
		e := d.desc(d.w.config.Desc - userBase + 16*uint64(at))
		if !available(e.flags, wrap) {
			return c, c.slots > 0, virtq.ChainOpen
		}
		c.slots++
		last := e.flags&fNext == 0
		if e.flags&fIndirect != 0 {
			k = d.table(&c, e, c.slots > 1)
		} else {
			k = d.add(&c, e)
		}
		switch {
		case k != 0:
			return c, true, k
		case last && int(e.id) >= size:
			return c, true, virtq.IDRange
		case last:
			return c, true, 0
		case c.slots == most:
			return c, true, virtq.ChainLoop
		}
		if at++; at == size {
			at, wrap = 0, !wrap
		}
	}
}

// table adds what an indirect table has. chained says that it stands where none may stand.
func (d *twin) table(c *twinChain, e twinDesc, chained bool) virtq.Kind {
	if !d.w.config.Indirect {
		return virtq.IndirectRefused
	}
	if chained || e.flags&fNext != 0 {
		return virtq.IndirectNext
	}
	if e.n == 0 || e.n%16 != 0 {
		return virtq.IndirectSize
	}
	for at, n := uint64(0), uint64(0); ; n++ {
		if n == uint64(e.n/16) {
			if d.w.shape.packed {
				return 0
			}
			return virtq.ChainLoop
		}
		if !d.inside(e.addr+16*at, 16) || e.addr+16*at < e.addr {
			return virtq.IndirectOutside
		}
		i := d.desc(e.addr + 16*at - guestBase)
		if d.w.shape.packed && d.w.config.Reads {
			i.flags &^= fWrite // DPDK's driver says so of what the device reads
		}
		if !d.w.shape.packed && i.flags&fIndirect != 0 {
			return virtq.IndirectNested
		}
		if k := d.add(c, i); k != 0 {
			return k
		}
		switch {
		case d.w.shape.packed:
			at++
		case i.flags&fNext == 0:
			return 0
		default:
			if at = uint64(i.next); at >= uint64(e.n/16) {
				return virtq.NextRange
			}
		}
	}
}

// add adds what one descriptor has.
func (d *twin) add(c *twinChain, e twinDesc) virtq.Kind {
	total := uint64(e.n)
	for _, s := range append(append([]span(nil), c.readable...), c.writable...) {
		total += uint64(s.n)
	}
	switch {
	case e.n == 0:
		return virtq.EmptyBuffer
	case e.flags&fWrite == 0 && len(c.writable) > 0:
		return virtq.BufferOrder
	case total >= 1<<32:
		return virtq.TooManyBytes
	case !d.inside(e.addr, e.n):
		return virtq.BufferOutside
	case len(c.readable)+len(c.writable) == virtq.MaxSegments:
		return virtq.TooManySegments
	case e.flags&fWrite != 0:
		c.writable = append(c.writable, span{e.addr, e.n})
	default:
		c.readable = append(c.readable, span{e.addr, e.n})
	}
	return 0
}

// inside says whether n bytes are in memory.
func (d *twin) inside(addr uint64, n uint32) bool {
	size := uint64(d.known)
	return addr >= guestBase && addr <= guestBase+size && uint64(n) <= guestBase+size-addr
}

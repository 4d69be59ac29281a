package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// one appends a chain of one segment, which b has room for.
func (b *Chains) one(id uint16, segment []byte, flags uint16) {
	s := b.segs
	b.seg[s] = segment
	c := &b.chain[b.n]
	n := uint32(len(segment))
	*c = Chain{id: id, slots: 1, entry: id, first: uint16(s), end: uint16(s + 1)}
	if flags&layout.FlagWrite != 0 {
		c.Writable, c.split = n, uint16(s)
	} else {
		c.Readable, c.split = n, uint16(s+1)
	}
	b.segs = s + 1
	b.n++
}

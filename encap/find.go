package encap

import "math/bits"

// cacheSize is the number of ends that a cache knows: more than an underlay with wildcards is likely to have active at a
// time, at 64 KiB.
const cacheSize = 1024

// A cache remembers the tunnels of ends where wildcards make several look-ups necessary. Entries die with the Tunnels
// they are from.
type cache [cacheSize]struct {
	end
	id     uint64 // of the Tunnels
	tunnel *Tunnel
}

// find looks for the tunnels of the frames in set and returns those that have one.
func (x *Popper) find(set uint64) uint64 {
	x.malformed(x.bad)
	set &^= x.bad
	same := x.repeats(set)
	if t := x.tunnels; len(t.classes) == 1 {
		x.findIn(set&^same, &t.classes[0])
	} else {
		x.findCached(set &^ same)
	}
	var last *Tunnel
	for left := set; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		a := &x.arrivals[i]
		if same>>i&1 != 0 {
			a.tunnel = last
		}
		if last = a.tunnel; last == nil {
			set &^= 1 << i
		}
	}
	return set
}

// repeats returns the frames in set that are of the same tunnel as the one before, since they came from the same end
// to the same one with the same key: between two hosts, most.
func (x *Popper) repeats(set uint64) (same uint64) {
	if set == 0 {
		return 0
	}
	last := &x.arrivals[bits.TrailingZeros64(set)].end
	for left := set & (set - 1); left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		e := &x.arrivals[i].end
		d := (e.src[0] ^ last.src[0]) | (e.src[1] ^ last.src[1]) | (e.dst[0] ^ last.dst[0]) | (e.dst[1] ^ last.dst[1])
		if d|(e.where^last.where)|(e.mac^last.mac) == 0 {
			same |= 1 << i
		}
		last = e
	}
	return same
}

// malformed drops those of the frames in set, which are wrong in themselves, that are for a tunnel here at all.
func (x *Popper) malformed(set uint64) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		a := &x.arrivals[i]
		a.tunnel = nil // its key may be wrong
		if x.tunnels.ours(&a.end) {
			x.drop(i, a.bad)
		}
	}
}

// findIn looks all frames in set up in a class: hashes first, so that the loads of many frames are under way together.
func (x *Popper) findIn(set uint64, c *class) {
	for left := set; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		e := c.masked(&x.arrivals[i].end)
		x.hashes[i] = c.table.hash(&e)
	}
	for left := set; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		a := &x.arrivals[i]
		e := c.masked(&a.end)
		a.tunnel = c.table.find(&e, x.hashes[i])
	}
}

// masked returns what counts of e.
func (c *class) masked(e *end) end {
	return end{
		src:   [2]uint64{e.src[0] & c.remote, e.src[1] & c.remote},
		dst:   e.dst,
		where: e.where & c.where,
		mac:   e.mac,
	}
}

// findCached looks all frames in set up in the cache, and in one class after the other those that it does not know.
func (x *Popper) findCached(set uint64) {
	t := x.tunnels
	for left := set; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		x.hashes[i] = t.mine.hash(&x.arrivals[i].end)
	}
	for left := set; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		a := &x.arrivals[i]
		e := &x.found[x.hashes[i]%cacheSize]
		if e.id != t.id || e.end != a.end {
			e.id, e.end, e.tunnel = t.id, a.end, t.find(&a.end)
		}
		a.tunnel = e.tunnel
	}
}

// find returns the tunnel of packets that say e; nil if there is none.
func (t *Tunnels) find(e *end) *Tunnel {
	for i := range t.classes {
		c := &t.classes[i]
		masked := c.masked(e)
		if tun := c.table.find(&masked, c.table.hash(&masked)); tun != nil {
			return tun
		}
	}
	return nil
}

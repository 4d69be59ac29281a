package encap

import (
	"math"

	"github.com/culvertdev/culvert/ring/frame"
)

// Bounds of reassembly.
const (
	// minFragment is the least payload of a fragment that is not the last, in bytes. Smaller ones are none of a tunnel
	// over a network of our time but an attempt to hide headers or to cost time. The first fragment has all headers
	// then, up to the inner packet's transport header.
	minFragment = 400

	maxFragments = frame.MaxChain // of a packet

	datagrams = 128 // packets that may be in the making at a time
	perSource = 16  // of these, from one source: others find room whatever one sends

	// lifetime is how long a packet may be in the making. RFC 791 and RFC 8200 have 15 s and 60 s, from when that was
	// how long a packet may travel; at today's rates identifications come around in less (RFC 4963).
	lifetime = 1_000_000_000 // ns
)

// A Reassembler puts the fragments of outer packets together. What it holds has three bounds: 128 packets, 16 of one
// source; as many buffers as it was made with; one second. Where a bound is reached the oldest packet goes: that of the
// source, if it has 16 packets or more than half of the buffers, or else of all.
//
// Fragments that overlap end their packet (RFC 5722, for IPv4 as well); exact duplicates do no harm. All fragments of a
// packet must come to the same worker: hashes over addresses alone, which is what they have, see to that.
//
// Thread-safety: one goroutine at a time. It does not allocate after it is made.
type Reassembler struct {
	c     *frame.Cache
	pool  *frame.Pool
	seed  seed
	most  int   // buffers that may be held
	held  int   // buffers that are
	used  int   // packets in the making
	next  int64 // ns; nothing is too old before
	drops [NumReasons]uint64

	// By place: what is looked at for each fragment, then the packets.
	keys    [datagrams]uint64 // hash of the identification; 0: free
	sources [datagrams]uint64 // hash of the source
	born    [datagrams]int64  // ns
	packets [datagrams]datagram
}

// NewReassembler returns a Reassembler that frees to c and holds at most so many buffers, at least 64, the most that one
// packet has.
func NewReassembler(c *frame.Cache, buffers int) *Reassembler {
	return &Reassembler{c: c, pool: c.Pool(), seed: newSeed(), most: max(buffers, frame.MaxChain)}
}

// Len returns how many packets are in the making.
func (r *Reassembler) Len() int { return r.used }

// Drops returns how many fragments were dropped for why since the Reassembler was made.
func (r *Reassembler) Drops(why Reason) uint64 { return r.drops[why] }

// Add takes the fragment f, which Popper.Fragments has told. ok says that it was the last that its packet lacked: whole is
// the outer packet then, as if it had come in one piece, to be given to the Popper. now is in ns and never goes back.
func (r *Reassembler) Add(f frame.Frame, now int64) (whole frame.Frame, ok bool) {
	r.Expire(now)
	h, why := readFragment(r.pool, f)
	if why != Good {
		r.reject(f, why)
		return frame.Frame{}, false
	}
	at := r.find(&h.id, now)
	d := &r.packets[at]
	if d.dead == Good {
		r.makeRoom(at, 1+f.More())
	}
	if d.dead != Good {
		r.reject(f, d.dead)
		return frame.Frame{}, false
	}
	where, why := d.place(&h)
	switch {
	case why == Good:
	case why == FragmentOverlap && d.repeats(where, &h):
		r.c.Put(f)
		return frame.Frame{}, false
	default:
		r.reject(f, why)
		r.empty(d, why)
		d.dead = why
		return frame.Frame{}, false
	}
	d.insert(where, f, &h)
	r.held += 1 + f.More()
	if !d.complete() {
		return frame.Frame{}, false
	}
	return r.join(at)
}

// Expire drops what has been in the making for too long. Add does it as well; it is for times when nothing comes.
func (r *Reassembler) Expire(now int64) {
	if r.used == 0 || now < r.next {
		return
	}
	r.next = math.MaxInt64
	for at, key := range r.keys {
		switch {
		case key == 0:
		case now-r.born[at] >= lifetime:
			r.free(at, FragmentLate)
		default:
			r.next = min(r.next, r.born[at]+lifetime)
		}
	}
}

// Close frees all fragments that wait.
func (r *Reassembler) Close() {
	for at, key := range r.keys {
		if key != 0 {
			r.free(at, FragmentLate)
		}
	}
}

// find returns the place of the packet in the making that id names, a new one if there is none.
func (r *Reassembler) find(id *end, now int64) (at int) {
	key := r.seed.hash(id) | 1
	source := r.seed.hash(&end{src: id.src, where: id.where & whereV6})
	oldest, own, spare := -1, -1, -1
	same := 0
	for i, k := range r.keys {
		if k == key && r.packets[i].id == *id {
			return i
		}
		if k == 0 {
			spare = i
			continue
		}
		if r.sources[i] == source {
			same++
			own = r.older(own, i)
		}
		oldest = r.older(oldest, i)
	}
	switch {
	case same >= perSource:
		at = own
		r.free(at, FragmentCrowd)
	case spare >= 0:
		at = spare
	default:
		at = oldest
		r.free(at, FragmentCrowd)
	}
	if r.used == 0 {
		r.next = now + lifetime
	}
	r.used++
	r.keys[at], r.sources[at], r.born[at] = key, source, now
	r.packets[at].id = *id
	return at
}

// older returns which of two places was taken first; a is -1 for none.
func (r *Reassembler) older(a, b int) int {
	if a < 0 || r.born[b] < r.born[a] {
		return b
	}
	return a
}

// makeRoom sees to it that n more buffers may be held for the packet in a place, at the cost of the oldest of the others: of its
// own source's if that holds more than half.
func (r *Reassembler) makeRoom(at, n int) {
	for r.held+n > r.most {
		oldest, own, same := -1, -1, r.packets[at].held+n
		for i, key := range r.keys {
			if key == 0 || i == at || r.packets[i].n == 0 {
				continue
			}
			oldest = r.older(oldest, i)
			if r.sources[i] == r.sources[at] {
				own = r.older(own, i)
				same += r.packets[i].held
			}
		}
		if own >= 0 && same > r.most/2 {
			oldest = own
		}
		if oldest < 0 {
			r.empty(&r.packets[at], FragmentCrowd)
			r.packets[at].dead = FragmentCrowd
			return
		}
		r.free(oldest, FragmentCrowd)
	}
}

// free drops what the packet in a place has, and makes the place free.
func (r *Reassembler) free(at int, why Reason) {
	d := &r.packets[at]
	r.empty(d, why)
	d.dead, d.ecn, d.have, d.total = Good, 0, 0, 0
	r.keys[at] = 0
	r.used--
}

// empty drops the fragments of d.
func (r *Reassembler) empty(d *datagram, why Reason) {
	for i := range d.part[:d.n] {
		r.reject(d.part[i].f, why)
	}
	r.held -= d.held
	d.held, d.n = 0, 0
}

// reject drops a fragment that is not held, or no longer.
func (r *Reassembler) reject(f frame.Frame, why Reason) {
	r.drops[why]++
	r.c.Put(f)
}

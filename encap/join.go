package encap

import (
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// join makes the packet of the fragments in a place, which are all there, and frees the place. ok is false when that cannot
// be: congestion is marked on one while another says that nobody looks at marks, or there are too many buffers.
func (r *Reassembler) join(at int) (whole frame.Frame, ok bool) {
	d := &r.packets[at]
	why := Good
	r.held -= d.held
	d.held = 0
	for i := range d.part[:d.n] {
		p := &d.part[i]
		r.bare(p, i == 0)
		d.held += p.buffers()
	}
	r.held += d.held
	switch {
	case d.ecn&(1<<ce) != 0 && d.ecn&(1<<notECT) != 0: // RFC 3168 section 5.3
		why = ECNLost
	case d.held > frame.MaxChain:
		why = FragmentSmall
	case d.length(r.pool) > 0xffff:
		why = BadFragment // a later one has shorter headers than the first
	}
	if why != Good {
		r.free(at, why)
		return frame.Frame{}, false
	}
	first := &d.part[0]
	first.f = unfragment(r.pool, first.f, int(first.header), d.total)
	if d.ecn&(1<<ce) != 0 {
		pkt := r.pool.Bytes(first.f)
		l3, _ := network(pkt, 0)
		wire.SetTOS(pkt, l3, ce, ecnMask)
	}
	whole = d.chain(r.pool)
	r.held -= d.held
	d.held, d.n = 0, 0
	r.free(at, Good)
	return whole, true
}

// length returns the bytes of the network packet that d's fragments make, the first one's headers included.
func (d *datagram) length(p *frame.Pool) int {
	l3, _ := network(p.Bytes(d.part[0].f), 0)
	return int(d.part[0].header) - l3 + d.total
}

// bare cuts off what a fragment has beside its payload: padding, and headers except those of the first.
func (r *Reassembler) bare(p *part, first bool) {
	r.c.Cut(&p.f, int(p.header)+int(p.n))
	if !first {
		r.pool.Trim(&p.f, int(p.header)) // there is payload in the first buffer, so this cannot fail
	}
	p.f.SetFlags(0)
}

// chain returns one frame of all the buffers of d's fragments.
func (d *datagram) chain(p *frame.Pool) frame.Frame {
	var ch frame.Chain
	for i := range d.part[:d.n] {
		for f, more := d.part[i].f, true; more; {
			var next frame.Frame
			next, more = p.Next(f)
			ch.Append(p, f)
			f = next
		}
	}
	return ch.Frame(p)
}

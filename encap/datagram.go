package encap

import "github.com/culvertdev/culvert/ring/frame"

// A datagram is an outer packet in the making.
type datagram struct {
	id    end
	dead  Reason // why it was given up, and those that follow are dropped until its time is over; Good: it was not
	ecn   uint8  // bit e: a fragment had e in its ECN field
	n     int    // fragments
	held  int    // buffers of these
	have  int    // bytes of payload
	total int    // bytes of payload of the whole packet; 0 while unknown
	part  [maxFragments]part
}

// A part is a fragment that has come, with its headers.
type part struct {
	f      frame.Frame
	header uint16 // offset of its payload in the frame
	at, n  uint16 // the payload's place in the packet's, in bytes
}

// buffers returns how many buffers the fragment has.
func (p *part) buffers() int { return 1 + p.f.More() }

// place returns where among d's fragments one belongs, and whether it fits: Good; FragmentOverlap, with the place of the
// first that it overlaps; BadFragment, FragmentSmall.
func (d *datagram) place(h *fragmentHeader) (where int, why Reason) {
	end := int(h.at) + int(h.n)
	for where < d.n && int(d.part[where].at)+int(d.part[where].n) <= int(h.at) {
		where++
	}
	switch {
	case where < d.n && int(d.part[where].at) < end:
		return where, FragmentOverlap
	case d.total != 0 && (end > d.total || !h.more):
		return where, BadFragment // it has another end, or a second one
	case !h.more && where < d.n:
		return where, BadFragment // there is something behind the end
	case d.n == maxFragments:
		return where, FragmentSmall
	}
	return where, Good
}

// repeats reports whether a fragment is the one at a place once more.
func (d *datagram) repeats(where int, h *fragmentHeader) bool {
	return where < d.n && d.part[where].at == h.at && d.part[where].n == h.n
}

// insert adds a fragment at its place.
func (d *datagram) insert(where int, f frame.Frame, h *fragmentHeader) {
	copy(d.part[where+1:d.n+1], d.part[where:d.n])
	d.part[where] = part{f: f, header: h.header, at: h.at, n: h.n}
	d.n++
	d.held += 1 + f.More()
	d.have += int(h.n)
	d.ecn |= 1 << (h.tos & ecnMask)
	if !h.more {
		d.total = int(h.at) + int(h.n)
	}
}

// complete reports whether nothing is missing.
func (d *datagram) complete() bool { return d.total != 0 && d.have == d.total }

package openflow

import (
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
)

// An activeMirror is a mirror of the ports that are there.
type activeMirror struct {
	*mirror
	vlans *vlanSet    // nil: all
	out   *rules.Port // nil: OutputVLAN
	same  mirrorMask  // this one, and others that send to the same place
}

// A mirrorMask has a bit for each mirror.
type mirrorMask uint32

// mirrors are those of a bridge, which do not change: another set is another value. A nil one has none.
type mirrors struct {
	list     [MaxMirrors]activeMirror
	src, dst map[uint32]mirrorMask // that select what comes in, and goes out, by a place
	out      map[uint32]bool       // places that packets are sent to
}

// reserved reports whether a place gets what mirrors send, and has no part in anything else.
func (s *mirrors) reserved(port *rules.Port) bool { return s != nil && s.out[port.ID] }

// newMirrors returns the mirrors of these that have a place to send to.
func newMirrors(list []*mirror, p *ports) *mirrors {
	s := &mirrors{src: make(map[uint32]mirrorMask), dst: make(map[uint32]mirrorMask), out: make(map[uint32]bool)}
	n := 0
	for _, m := range list {
		a := activeMirror{mirror: m, out: p.named(m.OutputPort)}
		if a.out == nil && m.OutputVLAN == 0 {
			continue
		}
		if a.out != nil {
			s.out[a.out.ID] = true
		}
		if len(m.SelectVLANs) > 0 {
			a.vlans = newVLANSet(m.SelectVLANs)
		}
		for _, port := range p.places {
			if m.SelectAll || slices.Contains(m.SelectSrc, port.Name) {
				s.src[port.ID] |= 1 << n
			}
			if m.SelectAll || slices.Contains(m.SelectDst, port.Name) {
				s.dst[port.ID] |= 1 << n
			}
		}
		s.list[n] = a
		n++
	}
	for i := range s.list[:n] {
		for j := range s.list[:n] {
			if a, b := &s.list[i], &s.list[j]; a.out == b.out && a.OutputVLAN == b.OutputVLAN {
				a.same |= 1 << j
			}
		}
	}
	if n == 0 {
		return nil
	}
	return s
}

// named returns the place of that name, nil if there is none.
func (p *ports) named(name string) *rules.Port {
	i := slices.IndexFunc(p.places, func(p *rules.Port) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return p.places[i]
}

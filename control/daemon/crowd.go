package daemon

import (
	"cmp"
	"slices"

	"github.com/culvertdev/culvert/ring/counter"
)

// roomy is how many guests are remembered at most after a look, those that are here aside, so that there is room for others until
// the next.
const roomy = maxStays - maxStays/8

// stay returns what is known of a guest; nil if nothing is and there is no room.
func (g *guests) stay(who guest) *stay {
	s := g.stays[who]
	switch {
	case s != nil:
	case len(g.stays) >= maxStays:
		g.crowded.Add(1)
	default:
		s = new(stay)
		g.stays[who] = s
	}
	return s
}

// makeRoom forgets guests that are not here if many are remembered: of the port that has most of them those that have been gone
// longest, so that a guest with thousands of Ethernet addresses loses its own.
func (g *guests) makeRoom() {
	if len(g.stays) <= roomy {
		return
	}
	var gone []guest
	count := make(map[uint32]int) // by port
	for who, s := range g.stays {
		if !s.here {
			gone = append(gone, who)
			count[s.at.port]++
		}
	}
	slices.SortFunc(gone, func(a, b guest) int {
		x, y := g.stays[a], g.stays[b]
		return cmp.Or(cmp.Compare(count[y.at.port], count[x.at.port]), cmp.Compare(x.at.port, y.at.port), cmp.Compare(x.since, y.since))
	})
	for _, who := range gone[:min(len(gone), len(g.stays)-roomy)] {
		g.drop(who, g.stays[who])
	}
}

// samples returns what guests count.
func (g *guests) samples() []counter.Sample {
	return []counter.Sample{{
		Desc:  counter.Desc{Name: "vtep_guests_crowded", Help: "Times that a guest here, or its address, was not announced since too many were remembered."},
		Value: g.crowded.Load(),
	}, {
		Desc:  counter.Desc{Name: "vtep_guests_unheard", Help: "Times that a guest was not heard that said that an address is its own, since too much was said at once."},
		Value: g.refused.Load(),
	}}
}

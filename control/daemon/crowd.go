package daemon

import (
	"cmp"
	"slices"
	"time"

	"github.com/culvertdev/culvert/ring/counter"
)

// roomy is how many guests are remembered at most after a look, those that are here aside, so that there is room for others until
// the next.
const roomy = maxStays - maxStays/8

// crowdedFor is the least time between two looks that make room at a port.
const crowdedFor = 10 * time.Second

// quietest returns those who have to go so that there is room for other guests at ports that are full, of which seen knows
// where they are: of an eighth of a port's guests whom their bridges do not know those that were heard last longest ago, and for
// as long as one is remembered that has left. So who comes back to a port after a flood of Ethernet addresses that nobody has
// finds room, and while the flood lasts nobody else is told of more than there is room for.
func (g *guests) quietest(seen *sightings, now int64) map[guest]bool {
	gone := make(map[guest]bool)
	for _, port := range g.door.wanted(now) {
		heard := make(map[guest]int64)
		var all []guest
		for who, s := range g.stays {
			if _, known := seen.here[who]; s.here && !known && s.at.port == port {
				heard[who] = g.door.seen(who)
				all = append(all, who)
			}
		}
		slices.SortFunc(all, func(a, b guest) int { return cmp.Compare(heard[a], heard[b]) })
		for _, who := range all[:(len(all)+7)/8] {
			if now-heard[who] > int64(stayed) {
				gone[who] = true
			}
		}
	}
	return gone
}

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

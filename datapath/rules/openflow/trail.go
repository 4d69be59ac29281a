package openflow

import "github.com/culvertdev/culvert/datapath/rules/fdb"

// A trail is a list of words:
//
//	63..60  what
//	59..0   trailRule:    generation << 32 | slot
//	        trailLearn:   the address, an fdb.Key; the next word is the datapath port it is behind
//	        trailContext: the id of a context that the program names
//	        trailBucket:  generation << 48 | place of the bucket << 32 | number of the group
const (
	trailRule    = 0
	trailLearn   = 1
	trailContext = 2
	trailBucket  = 3

	trailKind = 60
	trailGen  = 1<<28 - 1
)

func ruleWord(r *rule) uint64 {
	return trailRule<<trailKind | uint64(r.gen)<<32 | uint64(r.slot)
}

// learnWord names an address; VLANs have 12 bits, so that a key has 60.
func learnWord(k fdb.Key) uint64 { return trailLearn<<trailKind | uint64(k) }

// contextWord names a context, which lives as long as a flow with this word does.
func contextWord(id uint32) uint64 { return trailContext<<trailKind | uint64(id) }

// everyBucket is the place of all buckets of a group; a bucket's is less.
const (
	everyBucket   = 0xffff
	trailGroupGen = 1<<12 - 1
)

// word names a bucket of g, which counts the traffic, as g does.
func (g *group) word(place uint16) uint64 {
	return trailBucket<<trailKind | uint64(g.gen)<<48 | uint64(place)<<32 | uint64(g.ID)
}

// creditBucket is Credit of a group and its buckets.
func (t *Table) creditBucket(w, packets, bytes uint64) {
	g := t.groups[uint32(w)]
	if g == nil || g.word(0)>>48 != w>>48 {
		return
	}
	g.stats.credit(packets, bytes)
	place := uint16(w >> 32)
	for _, p := range g.places {
		if p == place || place == everyBucket {
			g.stats.buckets[p].credit(packets, bytes)
		}
	}
}

// eachContext calls f for each context that a trail names.
func eachContext(trail []uint64, f func(id uint32)) {
	for i := 0; i < len(trail); i++ {
		switch w := trail[i]; w >> trailKind {
		case trailLearn:
			i++
		case trailContext:
			f(uint32(w))
		}
	}
}

// Credit implements rules.Table: rules count the traffic, and addresses that a packet's source taught
// are taught again, so that one in use does not age and one that came back to an old port moves back.
func (t *Table) Credit(trail []uint64, packets, bytes uint64, lastUsed int64) {
	if packets == 0 {
		return
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for len(trail) > 0 {
		w := trail[0]
		trail = trail[1:]
		switch w >> trailKind {
		case trailRule:
			if i := uint32(w); int(i) < len(t.slots) {
				if s := &t.slots[i]; s.rule != nil && s.gen == uint32(w>>32)&trailGen {
					s.rule.credit(packets, bytes, lastUsed)
				}
			}
		case trailBucket:
			t.creditBucket(w, packets, bytes)
		case trailLearn:
			if len(trail) == 0 {
				return
			}
			key, port := fdb.Key(w&(1<<trailKind-1)), uint32(trail[0])
			trail = trail[1:]
			if _, ok := t.ports.byID[port]; ok && !t.floodVLANs.has(key.VLAN()) {
				t.learned(key, t.fdb.Replay(key, port, lastUsed))
			}
		}
	}
}

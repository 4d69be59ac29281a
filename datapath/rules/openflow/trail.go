package openflow

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
)

// A trail is a list of words:
//
//	63..60  what
//	59..0   trailRule:    generation << 32 | slot
//	        trailLearn:   the address, an fdb.Key; the next word is the place it is behind, with learnAnnounced
//	        trailContext: the id of a context that the program names
//	        trailBucket:  generation << 48 | place of the bucket << 32 | number of the group
//	        trailFlow:    the id of the context of a learned flow; the next word is the ruleWord of who taught it
//	        trailFin:     as trailRule; the next word is idle timeout << 16 | hard timeout
//	        trailMirror:  the id of a mirror, which counts the traffic
//	        trailBond:    the id of a bond << 8 | the bucket by which packets went out
//	        trailArrival: number of a tunnel; the next words are what packets show that come in by it, a rules.Lesson
//	        trailEntry:   number of a tunnel; the next words are what packets show that go into it, a rules.Entry
const (
	trailRule    = 0
	trailLearn   = 1
	trailContext = 2
	trailBucket  = 3
	trailFlow    = 4
	trailFin     = 5
	trailMirror  = 6
	trailBond    = 7
	trailArrival = 8
	trailEntry   = 9

	trailKind = 60
	trailGen  = 1<<28 - 1
)

func ruleWord(r *rule) uint64 {
	return trailRule<<trailKind | uint64(r.gen)<<32 | uint64(r.slot)
}

// learnAnnounced says that packets announced where the address is: see fdb.Table.Lock.
const learnAnnounced = 1 << 32

// learnWord names an address; VLANs have 12 bits, so that a key has 60.
func learnWord(k fdb.Key) uint64 { return trailLearn<<trailKind | uint64(k) }

// contextWord names a context, which lives as long as a flow with this word does.
func contextWord(id uint32) uint64 { return trailContext<<trailKind | uint64(id) }

// arrivalWord names the tunnel that packets come in by. The next words are their lesson.
func arrivalWord(in *rules.Port) uint64 { return trailArrival<<trailKind | uint64(in.Number) }

// entryWord names the tunnel that packets go into. The next words are their entry.
func entryWord(port *rules.Port) uint64 { return trailEntry<<trailKind | uint64(port.Number) }

// everyBucket is the place of all buckets of a group; a bucket's is less.
const (
	everyBucket   = 0xffff
	trailGroupGen = 1<<12 - 1
)

// word names a bucket of g, which counts the traffic, as g does.
func (g *group) word(place uint16) uint64 {
	return trailBucket<<trailKind | uint64(g.gen)<<48 | uint64(place)<<32 | uint64(g.ID)
}

// mirrorWord names a mirror by its id.
func mirrorWord(id uint32) uint64 { return trailMirror<<trailKind | uint64(id) }

// learnedWord names the context of a learned flow. The next word is the ruleWord of who taught it.
func learnedWord(id uint32) uint64 { return trailFlow<<trailKind | uint64(id) }

// finWord is a ruleWord of another kind. finTimeouts takes the word behind it apart.
func finWord(by uint64) uint64                 { return by&(1<<trailKind-1) | trailFin<<trailKind }
func finTimeouts(w uint64) (idle, hard uint16) { return uint16(w >> 16), uint16(w) }

// bondWord names a bucket of a bond.
func bondWord(id uint32, bucket uint8) uint64 {
	return trailBond<<trailKind | uint64(id)<<8 | uint64(bucket)
}

// noRule is the ruleWord of no rule.
const noRule = trailRule<<trailKind | 1<<trailKind - 1

// tails says how many words belong to one of each kind, behind it.
var tails = [1 << (64 - trailKind)]int{trailLearn: 1, trailFlow: 1, trailFin: 1, trailArrival: rules.LessonWords, trailEntry: rules.EntryWords}

// nextWord splits the first word, and those that belong to it, off a trail. ok is false at its end.
func nextWord(trail []uint64) (w uint64, more, rest []uint64, ok bool) {
	if len(trail) == 0 {
		return 0, nil, nil, false
	}
	w, rest = trail[0], trail[1:]
	n := tails[w>>trailKind]
	if len(rest) < n {
		return 0, nil, nil, false
	}
	return w, rest[:n], rest[n:], true
}

// eachContext calls f for each context that a trail names.
func eachContext(trail []uint64, f func(id uint32)) {
	for w, _, rest, ok := nextWord(trail); ok; w, _, rest, ok = nextWord(rest) {
		switch w >> trailKind {
		case trailContext, trailFlow:
			f(uint32(w))
		}
	}
}

// Credit implements rules.Table: rules and mirrors count the traffic; addresses and flows that a packet taught are
// taught again, and so is what came by tunnels or went into them, so that what is in use does not age, an address that came back to an old port moves back,
// and a flow that has gone comes back; timeouts that the end of a connection lowers are lowered.
func (t *Table) Credit(trail []uint64, packets, bytes uint64, lastUsed int64) {
	if packets > 0 && t.credit(trail, packets, bytes, lastUsed) {
		t.creditChanges(trail, lastUsed)
	}
}

var _ rules.Prompt = (*Table)(nil)

// TryCredit implements rules.Prompt. What may change flows has to keep others out, and waits.
func (t *Table) TryCredit(trail []uint64, packets, bytes uint64, lastUsed int64) bool {
	if mayChange(trail) || !t.mu.TryRLock() {
		return false
	}
	defer t.mu.RUnlock()
	if packets > 0 {
		t.creditBeside(trail, packets, bytes, lastUsed)
	}
	return true
}

// mayChange reports whether traffic of a trail may change flows.
func mayChange(trail []uint64) bool {
	for w, _, rest, ok := nextWord(trail); ok; w, _, rest, ok = nextWord(rest) {
		if kind := w >> trailKind; kind == trailFlow || kind == trailFin {
			return true
		}
	}
	return false
}

// credit does what can be done beside look-ups, and reports whether that is not all.
func (t *Table) credit(trail []uint64, packets, bytes uint64, lastUsed int64) (changes bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.creditBeside(trail, packets, bytes, lastUsed)
}

// creditBeside is credit with the lock held.
func (t *Table) creditBeside(trail []uint64, packets, bytes uint64, lastUsed int64) (changes bool) {
	for w, more, rest, ok := nextWord(trail); ok; w, more, rest, ok = nextWord(rest) {
		switch w >> trailKind {
		case trailRule:
			if r := t.ruleOf(w); r != nil {
				r.credit(packets, bytes, lastUsed)
			}
		case trailBucket:
			t.creditBucket(w, packets, bytes)
		case trailMirror:
			t.creditMirror(uint32(w), packets, bytes)
		case trailBond:
			t.creditBond(w, bytes)
		case trailArrival:
			t.creditArrival(uint32(w), more)
		case trailEntry:
			t.creditEntry(uint32(w), more, lastUsed)
		case trailLearn:
			key, place := fdb.Key(w&(1<<trailKind-1)), t.ports.byPlace[uint32(more[0])]
			if place != nil && !t.floodVLANs.has(key.VLAN()) {
				t.learnAt(key, place, more[0]&learnAnnounced != 0, lastUsed, t.fdb.Replay)
			}
		case trailFlow:
			changes = t.creditLearned(uint32(w), more[0], lastUsed) || changes
		case trailFin:
			r := t.ruleOf(w)
			changes = r != nil && !r.gone && r.outlasts(finTimeouts(more[0])) || changes
		}
	}
	return changes
}

// creditChanges does what credit could not, for packets that were seen at used.
func (t *Table) creditChanges(trail []uint64, used int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for w, more, rest, ok := nextWord(trail); ok; w, more, rest, ok = nextWord(rest) {
		switch w >> trailKind {
		case trailFlow:
			// What a rule taught that has gone is not taught again, lest a flow come back that went with it.
			if l, ok := t.contexts.get(uint32(w)).(*learned); ok && t.inTable(more[0]) {
				t.putLearned(l, used)
			}
		case trailFin:
			if r := t.ruleOf(w); r != nil && !r.gone {
				idle, hard := finTimeouts(more[0])
				t.shorten(r, idle, hard)
			}
		}
	}
}

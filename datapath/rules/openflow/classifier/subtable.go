package classifier

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// Words of 8 bytes in a key. Bits keep their place; the order of bytes within a word does not matter
// to whoever masks, compares and hashes.
const (
	blockWords = flow.BlockSize / 8
	keyWords   = flow.KeySize / 8
)

func load(b *[flow.Blocks]flow.Block, i int) uint64 {
	return binary.LittleEndian.Uint64(b[i/blockWords][i%blockWords*8:])
}

// A maskWord is a word of a mask, or the part of it that belongs to a stage; it is not zero.
type maskWord struct {
	idx  int // word of the key
	bits uint64
}

// A subtable holds the rules with one mask.
type subtable[V any] struct {
	words  []maskWord          // by stage
	ends   [stages]int         // where the words of a stage end
	seen   [stages]hashes      // of the words up to the end of a stage; nil: nothing is gained by asking
	prefix [tracked]uint8      // length of the prefix in the mask; 0: none, or no prefix
	ports  *portTrie           // nil: the mask has no port
	rules  map[uint64]*Rule[V] // by hash; same hash linked, highest priority first
	only   *Rule[V]            // the rule there is, if there is one: looked up without a hash
	count  int
	levels
	ordered uint16 // the priority that Classifier.order has it under
}

// hashes counts rules by the hash of some of their words.
type hashes = map[uint64]int32

func newSubtable[V any](mask *flow.Mask) *subtable[V] {
	s := &subtable[V]{rules: make(map[uint64]*Rule[V])}
	last := -1 // stage with words
	for stage := range stages {
		start := len(s.words)
		for i := range keyWords {
			if w := load((*[flow.Blocks]flow.Block)(mask), i) & stageBits[stage][i]; w != 0 {
				s.words = append(s.words, maskWord{i, w})
			}
		}
		s.ends[stage] = len(s.words)
		if len(s.words) == start {
			continue
		}
		if last >= 0 { // the last stage's hashes are those of the rules
			s.seen[last] = make(hashes)
		}
		last = stage
	}
	for i := range s.prefix {
		s.prefix[i] = prefixFields[i].length(mask)
	}
	s.ports = newPortTrie(mask)
	return s
}

// A search is one look-up under way.
type search struct {
	key      *flow.Key
	free     *flow.Mask // bits that cost nothing; nil: none
	mask     *flow.Mask // bits consulted so far
	seed     uint64
	prefixes *[tracked]trie
	tracks   [tracked]track
}

// lookup returns the rule of highest priority that matches the key, and consults what shows that, or
// that there is none.
func (s *subtable[V]) lookup(at *search) *Rule[V] {
	if at.free != nil && (at.ruledOut(&s.prefix, true) || s.ports != nil && s.ports.ruledOut(at, true)) {
		return nil
	}
	if s.only != nil {
		return s.lookupOnly(at)
	}
	h, from := at.seed, 0
	for stage, end := range s.ends {
		if end == from {
			continue
		}
		if stage == stageL3 && at.ruledOut(&s.prefix, false) {
			return nil
		}
		h = s.extend(h, from, end, at.key, at.seed)
		if seen := s.seen[stage]; seen != nil && seen[h] == 0 {
			s.consult(at.mask, end)
			return nil
		}
		from = end
	}
	for r := s.rules[h]; r != nil; r = r.next {
		if s.matches(r, at.key) {
			s.consult(at.mask, len(s.words))
			return r
		}
	}
	s.consultNone(at)
	return nil
}

// lookupOnly is the rest of lookup in a subtable with one rule: it is left where the hashes would say so.
func (s *subtable[V]) lookupOnly(at *search) *Rule[V] {
	from := 0
	for stage, end := range s.ends {
		if end == from {
			continue
		}
		if stage == stageL3 && at.ruledOut(&s.prefix, false) {
			return nil
		}
		if !s.agree(s.only, from, end, at.key) {
			if s.seen[stage] != nil {
				s.consult(at.mask, end)
			} else {
				s.consultNone(at)
			}
			return nil
		}
		from = end
	}
	s.consult(at.mask, len(s.words))
	return s.only
}

// consultNone consults what shows that no rule matches, which takes the last stage: the ports, or everything.
func (s *subtable[V]) consultNone(at *search) {
	if s.ports != nil && s.ports.ruledOut(at, false) {
		s.consult(at.mask, s.ends[stageL3])
		return
	}
	s.consult(at.mask, len(s.words))
}

// consult adds the bits of the first n words to mask.
func (s *subtable[V]) consult(mask *flow.Mask, n int) {
	for _, w := range s.words[:n] {
		b := mask[w.idx/blockWords][w.idx%blockWords*8:]
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)|w.bits)
	}
}

// extend returns the hash of the masked key up to word end, given that up to word from: each word
// multiplied with a secret, the halves of the product folded together, so that nobody outside can tell
// which keys collide.
func (s *subtable[V]) extend(h uint64, from, end int, key *flow.Key, seed uint64) uint64 {
	for _, w := range s.words[from:end] {
		hi, lo := bits.Mul64(load((*[flow.Blocks]flow.Block)(key), w.idx)&w.bits^h, seed)
		h = hi ^ lo ^ bits.RotateLeft64(h, 23)
	}
	return h
}

// matches reports whether key agrees with r in the subtable's mask.
func (s *subtable[V]) matches(r *Rule[V], key *flow.Key) bool {
	return s.agree(r, 0, len(s.words), key)
}

// agree is matches for some of the mask's words.
func (s *subtable[V]) agree(r *Rule[V], from, end int, key *flow.Key) bool {
	want := r.want[from:end]
	for i, w := range s.words[from:end] {
		if load((*[flow.Blocks]flow.Block)(key), w.idx)&w.bits != want[i] {
			return false
		}
	}
	return true
}

func (s *subtable[V]) find(key *flow.Key, priority uint16, seed uint64) *Rule[V] {
	for r := s.rules[s.extend(seed, 0, len(s.words), key, seed)]; r != nil; r = r.next {
		if r.Priority == priority && s.matches(r, key) {
			return r
		}
	}
	return nil
}

func (s *subtable[V]) insert(r *Rule[V], seed uint64) {
	key := &r.Match.Key
	r.want = make([]uint64, len(s.words))
	for i, w := range s.words {
		r.want[i] = load((*[flow.Blocks]flow.Block)(key), w.idx) & w.bits
	}
	r.hash = s.note(key, seed, 1)
	if first := s.rules[r.hash]; first == nil || first.Priority <= r.Priority {
		r.next = first
		s.rules[r.hash] = r
	} else {
		at := first
		for at.next != nil && at.next.Priority > r.Priority {
			at = at.next
		}
		r.next, at.next = at.next, r
	}
	s.count++
	s.only = nil
	if s.count == 1 {
		s.only = r
	}
	s.levels.add(r.Priority)
	if s.ports != nil {
		s.ports.insert(key)
	}
}

func (s *subtable[V]) remove(r *Rule[V], seed uint64) {
	if first := s.rules[r.hash]; first != r {
		for first.next != r {
			first = first.next
		}
		first.next = r.next
	} else if r.next != nil {
		s.rules[r.hash] = r.next
	} else {
		delete(s.rules, r.hash)
	}
	r.next = nil
	s.note(&r.Match.Key, seed, -1)
	s.count--
	s.only = nil
	if s.count == 1 {
		for _, s.only = range s.rules {
		}
	}
	s.levels.remove(r.Priority)
	if s.ports != nil {
		s.ports.remove(&r.Match.Key)
	}
}

// note counts a rule with this key, once more or once less, wherever a stage ends, and returns the hash
// of all its words.
func (s *subtable[V]) note(key *flow.Key, seed uint64, n int32) uint64 {
	h, from := seed, 0
	for stage, end := range s.ends {
		h = s.extend(h, from, end, key, seed)
		from = end
		if seen := s.seen[stage]; seen != nil {
			if left := seen[h] + n; left != 0 {
				seen[h] = left
			} else {
				delete(seen, h)
			}
		}
	}
	return h
}

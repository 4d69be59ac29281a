package classifier

import (
	"encoding/binary"
	"math/bits"
	"slices"

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

// A maskWord is a word of a mask that is not zero.
type maskWord struct {
	idx  int // word of the key
	bits uint64
}

// A subtable holds the rules with one mask.
//
// A look-up walks the mask's words in the order of the key, which is that of the layers of a packet:
// stages that stop early at a word nothing matches, and so consult fewer bits, are slices of words.
type subtable[V any] struct {
	words       []maskWord
	rules       map[uint64]*Rule[V] // by hash; same hash linked, highest priority first
	count       int
	maxPriority uint16
	priorities  map[uint16]int // rules per priority
}

func newSubtable[V any](mask *flow.Mask) *subtable[V] {
	s := &subtable[V]{rules: make(map[uint64]*Rule[V]), priorities: make(map[uint16]int)}
	for i := range keyWords {
		if w := load((*[flow.Blocks]flow.Block)(mask), i); w != 0 {
			s.words = append(s.words, maskWord{i, w})
		}
	}
	return s
}

// consult adds the subtable's mask to mask.
func (s *subtable[V]) consult(mask *flow.Mask) {
	for _, w := range s.words {
		b := mask[w.idx/blockWords][w.idx%blockWords*8:]
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)|w.bits)
	}
}

// hash returns the hash of the masked key: each word multiplied with a secret, the halves of the
// product folded together, so that nobody outside can tell which keys collide.
func (s *subtable[V]) hash(key *flow.Key, seed uint64) uint64 {
	h := seed
	for _, w := range s.words {
		hi, lo := bits.Mul64(load((*[flow.Blocks]flow.Block)(key), w.idx)&w.bits^h, seed)
		h = hi ^ lo ^ bits.RotateLeft64(h, 23)
	}
	return h
}

// matches reports whether key agrees with r in the subtable's mask.
func (s *subtable[V]) matches(r *Rule[V], key *flow.Key) bool {
	for i, w := range s.words {
		if load((*[flow.Blocks]flow.Block)(key), w.idx)&w.bits != r.want[i] {
			return false
		}
	}
	return true
}

func (s *subtable[V]) lookup(key *flow.Key, seed uint64) *Rule[V] {
	for r := s.rules[s.hash(key, seed)]; r != nil; r = r.next {
		if s.matches(r, key) {
			return r
		}
	}
	return nil
}

func (s *subtable[V]) find(key *flow.Key, priority uint16, seed uint64) *Rule[V] {
	for r := s.rules[s.hash(key, seed)]; r != nil; r = r.next {
		if r.Priority == priority && s.matches(r, key) {
			return r
		}
	}
	return nil
}

// insert adds r and reports whether the highest priority changed.
func (s *subtable[V]) insert(r *Rule[V], seed uint64) bool {
	r.want = slices.Grow(r.want[:0], len(s.words))
	for _, w := range s.words {
		r.want = append(r.want, load((*[flow.Blocks]flow.Block)(&r.Key), w.idx)&w.bits)
	}
	r.hash = s.hash(&r.Key, seed)
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
	s.priorities[r.Priority]++
	if s.count == 1 || r.Priority > s.maxPriority {
		s.maxPriority = r.Priority
		return true
	}
	return false
}

// remove takes out r and reports whether the highest priority changed.
func (s *subtable[V]) remove(r *Rule[V]) bool {
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
	s.count--
	s.priorities[r.Priority]--
	if s.priorities[r.Priority] > 0 {
		return false
	}
	delete(s.priorities, r.Priority)
	if r.Priority != s.maxPriority {
		return false
	}
	s.maxPriority = 0
	for p := range s.priorities {
		s.maxPriority = max(s.maxPriority, p)
	}
	return true
}

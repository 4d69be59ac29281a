package flowcache

import (
	"errors"
	"math/bits"
	"slices"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/slab"
)

// granule is the unit of list storage in words: 32 bytes, a length and up to three words, which is
// what most action programs need.
const granule = 4

// MaxList is the longest list that can be interned, in words.
const MaxList = granule<<maxOrder - 1

// Errors of Intern.
var (
	ErrLists    = errors.New("flowcache: storage for lists is full")
	ErrListLong = errors.New("flowcache: list is too long")
)

// A ListID names an interned list. The zero ListID is the empty list, which needs no reference.
type ListID uint32

// Lists hold immutable lists of words, each content once: the action programs and the rule trails of
// flows. They lie in one slab without pointers, so that any number of them costs the garbage
// collector nothing.
//
// A list is named by the number of its first granule of the slab, where its length stands, followed
// by the words. What only the writer needs (references, the index by content) is elsewhere, so that
// counting a reference never takes a cache line from a worker that runs the list.
//
// Thread-safety: Get is for any goroutine; the other methods for one at a time.
type Lists struct {
	words  []uint64
	blocks *buddy
	info   []listInfo // by ListID
	heads  []ListID   // index by content: chains linked through info
	seed   flow.Seed
	epochs Epochs
	oldest ListID // released lists in the order of their stamps, linked through info
	newest ListID
	n      int
	recent [recentLists]ListID // interned lately, by part of their first word; each has references
}

// recentLists is how many lists are found again without a hash of all their words: those that one new flow after
// the other asks for.
const recentLists = 16

// A listInfo is what the writer knows about a list.
type listInfo struct {
	hash  uint64
	stamp uint64 // when it was released
	refs  uint32
	next  ListID // in the chain of the index, then in that of released lists
}

// NewLists returns storage for at least maxWords words, lengths included. Pages are touched as lists
// come.
func NewLists(maxWords int) *Lists {
	b := newBuddy((max(maxWords, granule) + granule - 1) / granule)
	l := &Lists{blocks: b, seed: flow.NewSeed()}
	l.words = slab.New[uint64](l, int(b.end)*granule)
	l.info = slab.New[listInfo](l, int(b.end))
	l.heads = slab.New[ListID](l, 1<<bits.Len32(b.end/2))
	return l
}

// Epochs returns the grace periods after which storage of released lists is used again.
func (l *Lists) Epochs() *Epochs { return &l.epochs }

// Len returns the number of lists, the empty one left out.
func (l *Lists) Len() int { return l.n }

// Get returns the list id. The caller must not change it, and may use it while it holds a reference,
// or until its next tick if it found id in a flow.
func (l *Lists) Get(id ListID) []uint64 {
	at := uint64(id)*granule + 1
	end := at + l.words[at-1]
	return l.words[at:end:end]
}

// Intern returns the list with the content of words and adds a reference to it. It copies words if
// they are new. Errors: ErrLists, ErrListLong.
func (l *Lists) Intern(words []uint64) (ListID, error) {
	if len(words) == 0 {
		return 0, nil
	}
	if len(words) > MaxList {
		return 0, ErrListLong
	}
	recent := l.recentOf(words)
	if *recent != 0 && slices.Equal(l.Get(*recent), words) {
		l.info[*recent].refs++
		return *recent, nil
	}
	hash := l.hash(words)
	head := &l.heads[hash&uint64(len(l.heads)-1)]
	for id := *head; id != 0; id = l.info[id].next {
		if l.info[id].hash == hash && slices.Equal(l.Get(id), words) {
			l.info[id].refs++
			*recent = id
			return id, nil
		}
	}
	id, ok := l.alloc(len(words))
	if !ok {
		return 0, ErrLists
	}
	at := int(id) * granule
	l.words[at] = uint64(len(words))
	copy(l.words[at+1:], words)
	l.info[id] = listInfo{hash: hash, refs: 1, next: *head}
	*head, *recent = id, id
	l.n++
	return id, nil
}

// recentOf returns the place of a list, which is not empty, among the recent ones.
func (l *Lists) recentOf(words []uint64) *ListID {
	return &l.recent[words[0]*0x9e3779b97f4a7c15>>60%recentLists]
}

// Retain adds a reference to a list that the caller knows to have one.
func (l *Lists) Retain(id ListID) {
	if id != 0 {
		l.info[id].refs++
	}
}

// Release gives up a reference. After the last one the list is no longer found by content, and its
// storage is used again when a grace period has passed.
func (l *Lists) Release(id ListID) {
	if id == 0 {
		return
	}
	in := &l.info[id]
	if in.refs == 0 {
		panic("flowcache: list released too often")
	}
	if in.refs--; in.refs > 0 {
		return
	}
	at := &l.heads[in.hash&uint64(len(l.heads)-1)]
	for *at != id {
		at = &l.info[*at].next
	}
	*at = in.next
	if recent := l.recentOf(l.Get(id)); *recent == id {
		*recent = 0
	}
	l.n--
	in.stamp, in.next = l.epochs.Advance(), 0
	if l.oldest == 0 {
		l.oldest = id
	} else {
		l.info[l.newest].next = id
	}
	l.newest = id
}

// Reclaim makes the storage of released lists usable whose grace period has passed, and returns how
// many there were.
func (l *Lists) Reclaim() int {
	passed := l.epochs.oldest()
	n := 0
	for l.oldest != 0 && l.info[l.oldest].stamp <= passed {
		id := l.oldest
		l.oldest = l.info[id].next
		l.blocks.release(uint32(id))
		n++
	}
	return n
}

// alloc returns storage for n words and their length, reclaiming if it must.
func (l *Lists) alloc(n int) (ListID, bool) {
	order := uint8(bits.Len(uint(n / granule)))
	block, ok := l.blocks.alloc(order)
	if !ok && l.Reclaim() > 0 {
		block, ok = l.blocks.alloc(order)
	}
	return ListID(block), ok
}

// hash is keyed: some of what lists hold, addresses for instance, comes from packets.
func (l *Lists) hash(words []uint64) uint64 {
	h := l.seed[0]
	for i, w := range words {
		hi, lo := bits.Mul64(w^l.seed[1+i&3], h^l.seed[5])
		h = hi ^ lo ^ bits.RotateLeft64(h, 23)
	}
	return h ^ h>>32
}

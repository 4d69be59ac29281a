package vtep

import "slices"

// have is what a Directory has about a question.
type have uint8

const (
	nothing    have = iota // asked for the first time
	ends                   // an answer
	none                   // the answer that there is nobody
	unanswered             // asked in vain
)

// shelf is the list that an entry with this is in: each has a bound of its own, so that questions about
// nobody never push an answer out.
var shelf = [...]int{nothing: 0, ends: 1, none: 2, unanswered: 2}

const shelves = 3

// An entry is what is known about one question.
type entry struct {
	q      Question
	a      Answer
	have   have
	asking bool  // the plug-in has been asked
	again  bool  // what it will answer is out of date already
	used   bool  // somebody has wanted the answer since it was asked for
	probed bool  // its users have been told to want it again, if there are any
	stale  bool  // past its life, and there is no new answer
	tries  int   // times asked
	due    int64 // ns: when something is to happen
	// prev and next are neighbours on its shelf, at is its place in the heap of due times.
	prev, next, at int32
}

// A book keeps entries, in a slab: by question, on shelves in order of use, and by due time.
type book struct {
	entries []entry // the first of them are the shelves' heads
	free    []int32
	index   map[Question]int32
	count   [shelves]int
	waiting map[uint32]int // entries on the first shelf, by VNI
	due     []int32        // a binary heap
}

func newBook() *book {
	b := &book{entries: make([]entry, shelves), index: make(map[Question]int32), waiting: make(map[uint32]int)}
	for s := range b.entries {
		b.entries[s].prev, b.entries[s].next = int32(s), int32(s)
	}
	return b
}

// find returns the entry of q, or nil. It is valid until the next add.
func (b *book) find(q Question) *entry {
	if i, ok := b.index[q]; ok {
		return &b.entries[i]
	}
	return nil
}

// add makes an entry for q that has nothing, due at the time given.
func (b *book) add(q Question, due int64) *entry {
	var i int32
	if n := len(b.free); n > 0 {
		i, b.free = b.free[n-1], b.free[:n-1]
	} else {
		i = int32(len(b.entries))
		b.entries = append(b.entries, entry{})
	}
	e := &b.entries[i]
	*e = entry{q: q, due: due, at: int32(len(b.due))}
	b.index[q] = i
	b.link(i)
	b.due = append(b.due, i)
	b.up(e.at)
	return e
}

// remove forgets e.
func (b *book) remove(e *entry) {
	i := b.index[e.q]
	delete(b.index, e.q)
	b.unlink(i)
	last := int32(len(b.due) - 1)
	at := e.at
	b.swap(at, last)
	b.due = b.due[:last]
	if at < last {
		b.down(b.up(at))
	}
	*e = entry{}
	b.free = append(b.free, i)
}

// set changes what e has, and puts it in front of its shelf.
func (b *book) set(e *entry, h have) {
	i := b.index[e.q]
	b.unlink(i)
	e.have = h
	b.link(i)
}

// touch puts e in front of its shelf.
func (b *book) touch(e *entry) { b.set(e, e.have) }

// oldest returns the entry of a shelf that was unused longest, or nil.
func (b *book) oldest(s int) *entry {
	if b.count[s] == 0 {
		return nil
	}
	return &b.entries[b.entries[s].prev]
}

// schedule sets when something is to happen to e.
func (b *book) schedule(e *entry, due int64) {
	e.due = due
	b.down(b.up(e.at))
}

// first returns the entry that is due first, or nil.
func (b *book) first() *entry {
	if len(b.due) == 0 {
		return nil
	}
	return &b.entries[b.due[0]]
}

// all appends the questions of all entries to list.
func (b *book) all(list []Question) []Question {
	list = slices.Grow(list, len(b.due))
	for _, i := range b.due {
		list = append(list, b.entries[i].q)
	}
	return list
}

func (b *book) link(i int32) {
	e := &b.entries[i]
	s := shelf[e.have]
	head := &b.entries[s]
	e.prev, e.next = int32(s), head.next
	b.entries[head.next].prev = i
	head.next = i
	b.count[s]++
	if e.have == nothing {
		b.waiting[e.q.VNI]++
	}
}

func (b *book) unlink(i int32) {
	e := &b.entries[i]
	b.entries[e.prev].next, b.entries[e.next].prev = e.next, e.prev
	b.count[shelf[e.have]]--
	if e.have != nothing {
		return
	}
	if b.waiting[e.q.VNI]--; b.waiting[e.q.VNI] == 0 {
		delete(b.waiting, e.q.VNI)
	}
}

func (b *book) swap(i, j int32) {
	b.due[i], b.due[j] = b.due[j], b.due[i]
	b.entries[b.due[i]].at, b.entries[b.due[j]].at = i, j
}

func (b *book) earlier(i, j int32) bool { return b.entries[b.due[i]].due < b.entries[b.due[j]].due }

// up moves what is at i towards the top as far as it belongs, and returns where it is then.
func (b *book) up(i int32) int32 {
	for i > 0 && b.earlier(i, (i-1)/2) {
		b.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

// down moves what is at i away from the top.
func (b *book) down(i int32) {
	n := int32(len(b.due))
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && b.earlier(child+1, child) {
			child++
		}
		if !b.earlier(child, i) {
			return
		}
		b.swap(i, child)
		i = child
	}
}

package openflow

import (
	"sync"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// Limits of the contexts of one table.
const (
	// maxContexts bounds them: registers filled from packets make a context for each value, and then it is
	// the traffic that says how many there are. One takes about a kilobyte.
	maxContexts = 1 << 16
	// contextGrace is how long a context outlives its last use in ns. Packets on their way through the slow
	// path may still ask for it, and a verdict may become a flow that holds it.
	contextGrace = 10e9
)

// A content is what a context stands for: one of the types that say so below. It does not change.
//
// Its key is made by a function beside the type, of a kind (the contentKind that comes first) and bytes
// that are the same for equal contents, so that looking for one that is known makes no garbage.
type content interface{ kind() contentKind }

// A contentKind tells the keys of different types of content apart.
type contentKind byte

// Kinds of content.
const (
	contentFrozen contentKind = iota
	contentLearned
	contentSending
	contentTunneled
	contentToBond
)

// A context is an interned content.
type context struct {
	id      uint32
	content content
	key     string
	held    int   // by so many flows
	since   int64 // ns: when it was last asked for by content, or let go of

	prev, next *context // neighbours in contexts.idle, while nobody holds it
}

// contexts gives contents ids of 32 bits that programs can name: what a packet goes on with after a
// recirculation, for example. Equal contents are one context, so that looking a flow up again finds the
// same program.
//
// Ids come from a sequence, so that one that has ended is not another's for a long time: a packet that is
// late finds nothing rather than something else. 0 is none. Those of contexts under which packets have a
// dp_hash have flow.RecircHashed set.
//
// Thread-safety: all methods may be called at the same time.
type contexts struct {
	clock func() int64

	mu    sync.Mutex
	byID  map[uint32]*context
	byKey map[string]*context
	last  uint32  // id given out
	idle  context // ring of those nobody holds, by since; a head that is no context itself

	buffers sync.Pool // of *[]byte: keys under construction
}

func newContexts(clock func() int64) *contexts {
	c := &contexts{clock: clock, byID: make(map[uint32]*context), byKey: make(map[string]*context)}
	c.idle.prev, c.idle.next = &c.idle, &c.idle
	c.buffers.New = func() any { return new([]byte) }
	return c
}

// find returns the id of the context with a key; 0 if there is none. now is on the table's clock.
func (c *contexts) find(key []byte, now int64) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.byKey[string(key)]
	if x == nil {
		return 0
	}
	if x.held == 0 {
		x.unlink()
		c.rest(x, now)
	}
	return x.id
}

// add makes a context for a key that find did not find, and returns its id; 0 if there are too many.
func (c *contexts) add(key []byte, what content, hashed bool, now int64) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.byKey[string(key)]; x != nil { // another look-up was faster
		return x.id
	}
	if len(c.byID) >= maxContexts {
		return 0
	}
	x := &context{id: c.nextID(hashed), content: what, key: string(key)}
	c.byID[x.id], c.byKey[x.key] = x, x
	c.rest(x, now)
	return x.id
}

// nextID returns the next id in the sequence that is not taken.
func (c *contexts) nextID(hashed bool) uint32 {
	for {
		c.last = (c.last + 1) &^ flow.RecircHashed
		id := c.last
		if hashed {
			id |= flow.RecircHashed
		}
		if c.last != 0 && c.byID[id] == nil {
			return id
		}
	}
}

// get returns what a context stands for; nil if there is none of that id.
func (c *contexts) get(id uint32) content {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.byID[id]; x != nil {
		return x.content
	}
	return nil
}

// hold keeps a context until as many releases.
func (c *contexts) hold(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.byID[id]
	if x == nil {
		return
	}
	if x.held == 0 {
		x.unlink()
	}
	x.held++
}

func (c *contexts) release(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.byID[id]
	if x == nil || x.held == 0 {
		return
	}
	x.held--
	if x.held == 0 {
		c.rest(x, c.clock())
	}
}

// expire forgets the contexts that nobody has held or asked for in a while.
func (c *contexts) expire(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for x := c.idle.next; x != &c.idle && now-x.since >= contextGrace; x = c.idle.next {
		x.unlink()
		delete(c.byID, x.id)
		delete(c.byKey, x.key)
	}
}

// len returns how many contexts there are.
func (c *contexts) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byID)
}

// rest puts x at the end of the ring of those nobody holds. The lock is held.
func (c *contexts) rest(x *context, now int64) {
	x.since = now
	x.prev, x.next = c.idle.prev, &c.idle
	x.prev.next, x.next.prev = x, x
}

func (x *context) unlink() {
	x.prev.next, x.next.prev = x.next, x.prev
	x.prev, x.next = nil, nil
}

// Hold implements rules.Holder.
func (t *Table) Hold(trail []uint64) { eachContext(trail, t.contexts.hold) }

// Release implements rules.Holder.
func (t *Table) Release(trail []uint64) { eachContext(trail, t.contexts.release) }

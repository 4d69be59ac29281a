// Package upcall is the way between the workers and the slow path: packets no cache knows go up,
// wait for a verdict, and come back in order.
//
// At most one packet of a flow is with the slow path for one worker: the worker keeps later ones of
// the same key ([Waiting]) until the answer is there, so they can neither overtake the first nor
// cost a second look-up. The answer carries the packet and its actions; when the worker has run them
// it looks up those it kept, which now hit the cache, and then goes on. So a flow's packets leave in
// the order they came, whenever its cache entry appears.
//
// A worker that serves the slow path itself ([Handler.Serve]) needs no answers: what waits in its queues is resolved
// on the spot, a batch at a time, and goes on as if a cache had known it.
//
// It is not a rule table and decides nothing itself.
package upcall

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Request is a packet on its way up. The slow path owns the frame.
type Request struct {
	Frame  frame.Frame
	Hash   uint64 // of the whole flow key
	Recirc uint32
	Source uint8 // hash of the sender, for Sources
	Depth  uint8 // how often the packet was taken up again
}

// An Answer is a packet on its way back, with what is to happen to it. The worker owns the frame.
type Answer struct {
	Frame   frame.Frame
	Port    uint32
	Recirc  uint32
	Hash    uint64
	Source  uint8
	Actions flowcache.ListID // valid until Lane.Done counts this answer
}

// A Queue carries the requests of one port on one worker, and apart from them what its programs send to the rule
// table, so that the slow path can share itself out
// fairly between ports. Thread-safety: the worker pushes, the handler pops.
type Queue struct {
	Port     uint32
	Share    *Share // the port's, one for all workers
	Requests *ring.SPSC[Request]
	Delivery *Share // the same for what is sent to the table
	Sent     *ring.SPSC[Sent]
}

// A Lane joins one worker to the slow path.
//
// Thread-safety: Answers is popped by the worker and pushed by the handler; Done is the worker's;
// SetQueues is the control plane's. Everything else is the handler's.
type Lane struct {
	Answers *ring.SPSC[Answer]
	// Wake is called after answers were pushed.
	Wake func()

	done   atomic.Uint64 // answers the worker has dealt with, written by it once per cycle
	pushed atomic.Uint64 // answers pushed, written by the handler
	queues atomic.Pointer[[]*Queue]
	lent   lent
	owed   []flowcache.ListID // the worker's: references to be given back when it has the lock next, a batch's at most
}

// NewLane returns a lane on which at most depth packets can be under way.
func NewLane(depth int, wake func()) *Lane {
	l := &Lane{Answers: ring.NewSPSC[Answer](depth), Wake: wake}
	l.queues.Store(new([]*Queue))
	// A worker counts answers as dealt with at the end of its cycle: those it has taken, a ring full at
	// most, hold references as well as those that have come since.
	l.lent.ids = make([]flowcache.ListID, 2*l.Answers.Cap())
	l.owed = make([]flowcache.ListID, 0, frame.MaxBatch)
	return l
}

// SetQueues replaces the queues the handler serves. A queue left out must be empty, or be drained by
// the caller once the handler has passed (see Handler.Locked).
func (l *Lane) SetQueues(qs []*Queue) { l.queues.Store(&qs) }

// Asking reports whether a request, or a packet for the table, waits to be served.
func (l *Lane) Asking() bool {
	for _, q := range *l.queues.Load() {
		if !q.Requests.Empty() || !q.Sent.Empty() {
			return true
		}
	}
	return false
}

// Done tells the slow path that the worker has dealt with n more answers it has popped, and that their
// packets have left. It comes once per poll cycle, in which the worker pops no more answers than the ring
// holds.
func (l *Lane) Done(n int) { l.done.Store(l.done.Load() + uint64(n)) }

// Answered reports whether the worker has dealt with every answer pushed before the call with mark,
// as Mark returned it.
func (l *Lane) Answered(mark uint64) bool { return l.done.Load() >= mark }

// Mark returns the number of answers pushed so far.
func (l *Lane) Mark() uint64 { return l.pushed.Load() }

// lent is the handler's record of the list references that answers under way hold, oldest first.
type lent struct {
	ids      []flowcache.ListID // a circle
	released uint64             // answers whose reference was given back
}

// lend records the reference that the next answer pushed holds.
func (l *Lane) lend(id flowcache.ListID) {
	n := l.pushed.Load()
	if n-l.lent.released == uint64(len(l.lent.ids)) {
		panic("upcall: more answers under way than the lane takes")
	}
	l.lent.ids[n%uint64(len(l.lent.ids))] = id
	l.pushed.Store(n + 1)
}

// giveBack gives back the references that the worker owes.
func (l *Lane) giveBack(lists *flowcache.Lists) {
	for _, id := range l.owed {
		lists.Release(id)
	}
	l.owed = l.owed[:0]
}

// settle gives back the references of answers the worker has dealt with.
func (l *Lane) settle(lists *flowcache.Lists) {
	for done := l.done.Load(); l.lent.released < done; l.lent.released++ {
		lists.Release(l.lent.ids[l.lent.released%uint64(len(l.lent.ids))])
	}
}

package upcall

import (
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// quantum is how many requests of one queue are served under one hold of the lock at most: few enough for those
// who wait for it, many enough to take it rarely.
const quantum = frame.MaxBatch // requests

// Config is what a Handler works on.
type Config struct {
	Pool      *frame.Pool
	Extractor flow.Extractor
	Flows     *flowcache.Megaflow
	Lists     *flowcache.Lists
	Book      *version.Book     // of the versions of the rules
	Journeys  *version.Journeys // of the packets in Pool
	// TableOf returns the rule table that decides about packets from a datapath port; nil when the
	// port belongs to no bridge.
	TableOf func(port uint32) rules.Table
	Now     func() int64 // ns, monotonic clock
	// Installed is told of each flow put into the cache, and Credit of a packet that the slow path handled
	// by a flow it found there, both inside the lock.
	Installed func(s flowcache.Slot, t rules.Table)
	Credit    func(s flowcache.Slot, size int, now int64)
	// Shared: workers serve requests (Serve) and leave to Start's goroutine what would hold them up. Otherwise those that serve
	// wait where they have to.
	Shared bool
	// Learned is called after look-ups that may have changed a table, outside the lock; it must not block.
	Learned func()
	Log     *slog.Logger
}

// A Handler is the slow path: it takes requests from all lanes, asks the rule table, fills the flow
// cache, and sends the packets back with their actions.
//
// It also holds the lock over the flow cache's writer side: whoever else changes the cache (the
// revalidator, the control plane) does so inside Locked.
//
// Thread-safety: all methods are safe for concurrent use. Workers only push to their lane and call Kick.
type Handler struct {
	Config
	counters *counter.Block

	mu      sync.Mutex // over the flow cache's writer side, the lists, and what follows
	lanes   atomic.Pointer[[]*Lane]
	keys    flow.Keys
	batch   frame.Batch
	reqs    [quantum]Request
	flow    flowcache.Flow // the one at hand; its Key is set first
	verdict rules.Verdict
	table   rules.Table // whose verdict it is; another may decide by the time it is told of the packet
	query   rules.Query
	past    past
	due     due // empty while nobody holds the lock
	untold  untold
	hasty   bool // who holds the lock must not wait for others
	busy    bool // the packet at hand is for somebody who may wait
	rounds  uint64
	sent    [quantum]Sent
	whole   []byte // of a packet in several buffers
	frames  *frame.Cache
	logged  time.Time        // last look-up error that was logged
	full    flowcache.ListID // programs of packets whose own cannot be stored
	long    flowcache.ListID
	changed flowcache.ListID

	serving sync.Mutex  // over a round: one goroutine at a time serves
	wanted  atomic.Bool // the handler waits for the lock
	owing   atomic.Bool // there is something in untold
	asleep  atomic.Bool
	kick    chan struct{}
	stop    chan struct{}
	exited  chan struct{}
}

// NewHandler returns a handler that Start sets to work. The errors are those of flowcache.Lists.Intern and
// frame.Pool.NewCache.
func NewHandler(c Config) (*Handler, error) {
	h := &Handler{
		Config:   c,
		counters: counter.NewBlock(counters()),
		kick:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		exited:   make(chan struct{}),
	}
	h.lanes.Store(new([]*Lane))
	var errs [4]error
	h.frames, errs[3] = c.Pool.NewCache()
	h.full, errs[0] = h.dropping(action.NoRoom)
	h.long, errs[1] = h.dropping(action.TooManyActions)
	h.changed, errs[2] = h.dropping(action.RulesChanged)
	return h, errors.Join(errs[:]...)
}

// dropping returns a program that drops packets, which stays for good.
func (h *Handler) dropping(r action.Reason) (flowcache.ListID, error) {
	var p action.Program
	p.Drop(r)
	return h.Lists.Intern(p.Words())
}

// SetLanes replaces the lanes served. A lane left out must have no packet under way.
func (h *Handler) SetLanes(lanes []*Lane) {
	h.Locked(func() { h.lanes.Store(&lanes) })
}

// Counters returns what the slow path counts.
func (h *Handler) Counters() *counter.Block { return h.counters }

// Start serves requests until Stop.
func (h *Handler) Start() { go h.run() }

// Stop ends the handler and waits for it. Requests still queued stay there.
func (h *Handler) Stop() {
	close(h.stop)
	<-h.exited
}

// Close gives back what the handler holds, when it has stopped, or was never started, nothing is queued, and workers have
// stopped, too. Walks over the flow cache may go on.
func (h *Handler) Close() {
	h.Locked(func() {
		for _, l := range *h.lanes.Load() {
			l.giveBack(h.Lists)
		}
		h.frames.Close()
	})
}

// Locked runs fn while no request is being served and nobody else changes the flow cache.
func (h *Handler) Locked(fn func()) {
	h.mu.Lock()
	h.tellUntold()
	fn()
	h.mu.Unlock()
	if h.wanted.Load() {
		// Whoever takes the lock piece by piece would have it again before the handler wakes up.
		runtime.Gosched()
	}
}

// Kick tells the handler that requests were pushed. It costs a load while the handler is awake.
func (h *Handler) Kick() {
	if h.asleep.Load() && h.asleep.CompareAndSwap(true, false) {
		select {
		case h.kick <- struct{}{}:
		default:
		}
	}
}

// Drain serves everything queued now on the calling goroutine and returns the number of packets.
// For callers that do not Start the handler: tests, replay.
func (h *Handler) Drain() int {
	n := 0
	for {
		served, more := h.round()
		n += served
		if !more {
			return n
		}
	}
}

func (h *Handler) run() {
	defer close(h.exited)
	for {
		select {
		case <-h.stop:
			return
		default:
		}
		if _, more := h.round(); more {
			continue
		}
		h.asleep.Store(true)
		if _, more := h.round(); more { // pushed before asleep was seen
			h.asleep.Store(false)
			continue
		}
		select {
		case <-h.kick:
		case <-h.stop:
			return
		}
	}
}

// round gives every queue of every lane one turn and returns the number of packets dealt with. more says that
// there may be others: some were served, or some port has used up its share of this round.
func (h *Handler) round() (served int, more bool) {
	h.serving.Lock()
	defer h.serving.Unlock()
	h.rounds++
	if h.owing.Load() {
		h.Locked(func() {})
	}
	total := 0
	for _, l := range *h.lanes.Load() {
		answered, delivered, some := h.lap(l)
		if answered > 0 {
			l.Wake()
		}
		served += answered
		total += answered + delivered
		more = more || some
	}
	if served > 0 {
		h.Learned()
	}
	return total, more
}

// lap gives every queue of a lane one turn. more is as in round.
func (h *Handler) lap(l *Lane) (answered, delivered int, more bool) {
	for _, q := range *l.queues.Load() {
		if !q.Requests.Empty() {
			more = true
			answered += h.turn(l, q)
		}
		if !q.Sent.Empty() {
			more = true
			delivered += h.deliver(q)
		}
	}
	return answered, delivered, more
}

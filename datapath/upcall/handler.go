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
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// quantum is how many requests of one queue are served under one hold of the lock at most: few enough for those
// who wait for it, many enough to take it rarely.
const quantum = 32 // requests

// Config is what a Handler works on.
type Config struct {
	Pool      *frame.Pool
	Extractor flow.Extractor
	Flows     *flowcache.Megaflow
	Lists     *flowcache.Lists
	// TableOf returns the rule table that decides about packets from a datapath port; nil when the
	// port belongs to no bridge.
	TableOf func(port uint32) rules.Table
	Now     func() int64 // ns, monotonic clock
	// Installed is told of each flow put into the cache, and Credit of a packet that the slow path handled
	// by a flow it found there, both inside the lock.
	Installed func(s flowcache.Slot, t rules.Table)
	Credit    func(s flowcache.Slot, size int, now int64)
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
	key     flow.Key
	verdict rules.Verdict
	query   rules.Query
	rounds  uint64
	sent    [quantum]Sent
	whole   []byte // of a packet in several buffers
	frames  *frame.Cache
	logged  time.Time        // last look-up error that was logged
	full    flowcache.ListID // programs of packets whose own cannot be stored
	long    flowcache.ListID

	serving sync.Mutex  // over a round: one goroutine at a time serves
	wanted  atomic.Bool // the handler waits for the lock
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
	var errs [3]error
	h.frames, errs[2] = c.Pool.NewCache()
	h.full, errs[0] = h.dropping(action.NoRoom)
	h.long, errs[1] = h.dropping(action.TooManyActions)
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

// Close gives back what the handler holds, when it has stopped, or was never started, and nothing is queued.
func (h *Handler) Close() { h.frames.Close() }

// Locked runs fn while no request is being served and nobody else changes the flow cache.
func (h *Handler) Locked(fn func()) {
	h.mu.Lock()
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

// Serve gives every queue of a lane one turn, on the lane's worker: for switches whose slow path has no CPU of
// its own, where a thread beside the worker's would cost changes from one to the other and find the worker
// polling. It does nothing while somebody else serves. The time it takes is bounded as ports' shares are.
func (h *Handler) Serve(l *Lane) {
	if !h.serving.TryLock() {
		return
	}
	defer h.serving.Unlock()
	h.rounds++
	if answered, _, _ := h.lap(l); answered > 0 {
		h.Learned()
	}
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

// turn serves as many of one queue's requests, which are some, as its port's share of this round allows.
func (h *Handler) turn(l *Lane, q *Queue) int {
	granted := q.Share.grant(h.rounds)
	if granted == 0 {
		return 0
	}
	h.wanted.Store(true)
	h.mu.Lock()
	h.wanted.Store(false)
	defer h.mu.Unlock()
	n := q.Requests.PopN(h.reqs[:granted])
	l.settle(h.Lists) // now that requests and answers together are at most what the lane takes
	now := h.Now()
	for i := 0; i < n; {
		// Requests of one recirculation id are extracted together.
		recirc := h.reqs[i].Recirc
		h.batch.Reset()
		first := i
		for ; i < n && h.reqs[i].Recirc == recirc; i++ {
			h.batch.Append(h.reqs[i].Frame)
		}
		h.Extractor.Extract(h.Pool, q.Port, recirc, &h.batch, &h.keys)
		for j, f := range h.batch.Frames() {
			h.keys.Key(j, &h.key)
			l.push(Answer{Frame: f, Port: q.Port, Recirc: recirc, Hash: h.reqs[first+j].Hash, Source: h.reqs[first+j].Source}, h.decide(q.Port, f, now))
		}
	}
	q.Share.charge(n, h.Now()-now)
	h.counters.Add(Served, uint64(n))
	h.counters.Publish()
	return n
}

// push sends an answer down with a reference to its actions, which it takes over.
func (l *Lane) push(a Answer, actions flowcache.ListID) {
	a.Actions = actions
	l.lend(actions)
	if !l.Answers.Push(a) {
		panic("upcall: more answers than requests")
	}
}

// decide returns what is to happen to f, whose key is h.key, with a reference for the caller, and
// sees to it that the flow cache knows the next time.
func (h *Handler) decide(port uint32, f frame.Frame, now int64) flowcache.ListID {
	size := h.Pool.Total(f)
	if s, ok := h.Flows.Find(&h.key); ok {
		// Another worker's packet, or one just before this, has filled the cache in the meantime.
		h.counters.Add(Found, 1)
		h.Credit(s, size, now)
		actions := h.Flows.Actions(s)
		h.Lists.Retain(actions)
		return actions
	}
	v := &h.verdict
	t := h.TableOf(port)
	h.query = rules.Query{Key: &h.key, Packet: h.Pool.Bytes(f), Size: size, Now: now, Live: true}
	Lookup(t, &h.query, v, h.lookupError)
	actions, err := h.Lists.Intern(v.Actions.Words())
	if t != nil {
		t.Credit(v.Trail, 1, uint64(size), now)
	}
	if err != nil {
		return h.refuse(err)
	}
	if !v.NoCache {
		h.insert(t, actions, now)
	}
	return actions
}

// refuse returns a program that drops, for a packet whose actions could not be stored because of err.
func (h *Handler) refuse(err error) flowcache.ListID {
	h.counters.Add(ListsFull, 1)
	id := h.full
	if errors.Is(err, flowcache.ErrListLong) {
		id = h.long
	}
	h.Lists.Retain(id)
	return id
}

// insert puts t's verdict into the flow cache. The packet at hand is served either way.
func (h *Handler) insert(t rules.Table, actions flowcache.ListID, now int64) {
	v := &h.verdict
	trail, err := h.Lists.Intern(v.Trail)
	if err != nil {
		h.counters.Add(ListsFull, 1)
		return
	}
	h.Lists.Retain(actions)
	holder, holds := t.(rules.Holder)
	if holds {
		holder.Hold(v.Trail)
	}
	s, err := h.Flows.Insert(flowcache.Flow{
		Key: h.key, Mask: v.Mask, Actions: actions, Trail: trail, Tags: v.Tags, Rewrote: v.Rewrote, Now: now,
	})
	if err != nil {
		reason := CacheFull
		if errors.Is(err, flowcache.ErrShare) {
			reason = OverShare
		}
		h.counters.Add(reason, 1)
		h.Lists.Release(actions)
		h.Lists.Release(trail)
		if holds {
			holder.Release(v.Trail)
		}
		return
	}
	h.Installed(s, t)
	h.counters.Add(Installed, 1)
}

// lookupError counts a look-up that failed and logs one a second at most.
func (h *Handler) lookupError(err error) {
	h.counters.Add(Failed, 1)
	if now := time.Now(); now.Sub(h.logged) > time.Second {
		h.logged = now
		h.Log.Warn("rule table look-up", "port", h.key.Uint(flow.FieldInPort), "error", err)
	}
}

// Lookup asks t and completes the verdict: it always ends in a program that says what happens, and an
// error becomes a drop that is not cached. t may be nil: no bridge.
func Lookup(t rules.Table, q *rules.Query, v *rules.Verdict, failed func(error)) {
	v.Reset()
	if t == nil {
		v.Actions.Drop(action.NoBridge)
		v.NoCache = true
		return
	}
	if err := t.Lookup(q, v); err != nil {
		failed(err)
		v.Reset()
		v.Actions.Drop(action.TableError)
		v.NoCache = true
		return
	}
	if v.Actions.Empty() {
		v.Actions.Drop(action.NoMatch)
	}
}

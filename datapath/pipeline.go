package datapath

import (
	"math/bits"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// publishEvery is how old published counters may be.
const publishEvery = 1_000_000 // ns

// A pipeline is the switch as one worker runs it: everything here belongs to that worker, so nothing
// is locked. One batch at a time goes through its stages, each over the whole batch:
//
//	extract keys → complete checksums → latest flow → exact-match cache → megaflow cache → run actions
//	                                                                            └ misses → slow path
//
// It implements pmd.Processor.
type pipeline struct {
	id       int // of the worker
	pool     *frame.Pool
	frames   *frame.Cache
	x        flow.Extractor
	emc      *flowcache.EMC
	flows    *flowcache.Reader
	lists    *flowcache.Lists
	book     *version.Book
	journeys *version.Journeys
	meters   *meter.Store
	count    counters
	now      int64 // ns; time of the cycle before this one
	clock    func() int64

	// Scratch for the batch in hand.
	keys     flow.Keys
	slots    [frame.MaxBatch]flowcache.Slot
	programs [frame.MaxBatch]flowcache.ListID // of those that were taken up again: see agree
	miss     [frame.MaxBatch]uint16
	sizes    [frame.MaxBatch]uint32

	// The way to the slow path and back.
	lane     *upcall.Lane
	kick     func()
	slow     *upcall.Handler
	leisure  leisure
	asking   bool       // something was pushed that this worker is to serve itself
	serve    func() int // serves it and returns the number of packets; nil: the slow path has a thread of its own
	inject   *injector  // of the switch, if this is the worker it serves; else nil
	waiting  *upcall.Waiting
	answers  [fewAnswers]upcall.Answer
	answered int // taken in this cycle, not yet told the slow path
	answer   frame.Batch

	ports  []*workerPort // by datapath port; nil where there is none
	known  []*workerPort // those there are
	sends  []*workerPort // ports with frames staged since the latest flush, or still to be flushed
	served []*workerPort // ports whose hand-over ring this worker empties
	spare  frame.Batch
	taken  [frame.MaxBatch]frame.Frame
	one    [1]frame.Frame

	stages    *stage.Clock
	publishAt int64  // ns
	watch     *watch // hears of every look-up, see Stepper; nil in a running switch

	pushing pushing
	popping popping

	// Large, and seldom used.
	resolving resolving
	again     again // packets to be taken up again after this pass
	clones    clones
	paused    [maxRecirc + 1]paused // passes that wait for one of clones
	pauses    int                   // how many there are
}

// workerPort is a port as one worker sees it.
type workerPort struct {
	id      uint32
	partial bool // packets may lack their L4 checksum: pmd.Info.PartialChecksums
	mtu     int  // bytes of the longest network packet the port takes
	room    int  // bytes of the longest frame it takes
	takes   *pmd.Takes
	tx      txStage
	under   *encap.Tunnels // those that end at the port's addresses; nil: none
	tunnel  *counter.Block // tunnelCounters, if the port is a tunnel; else nil
	// The way to the slow path: the queue, who has how many packets on it and behind them, how many new flows a second may go
	// there, and what became of them.
	up      *upcall.Queue
	sources *upcall.Sources
	held    int          // packets that wait behind the first ones of flows
	rate    *upcall.Rate // the port's, shared by all workers
	sends   *upcall.Rate // the same for copies to the rule table
	fresh   *counter.Block
}

// Process implements pmd.Processor.
func (w *pipeline) Process(port uint32, b *frame.Batch) {
	w.leisure.busy = true
	w.clones.left = maxClones
	alone := b.Len() <= pmd.Few && len(w.sends) == 0
	if p := w.port(port); p != nil && p.under != nil {
		w.stages.Enter(stage.Decapsulate)
		w.pop(p, b)
		w.popWhole(p)
	}
	if b.Len() > 0 && !w.passWhole(port, b) {
		w.pass(port, 0, 0, b)
	}
	w.finishRecirc(0, 0, b)
	if alone && len(w.sends) > 0 { // they do not wait until all other queues have been visited
		w.stages.Enter(stage.Transmit)
		w.flush()
		w.stages.Enter(stage.Rest)
	}
}

// pass looks the frames of b, taken up again depth times, up and runs their actions. It owns them and
// leaves b empty.
func (w *pipeline) pass(port, recirc uint32, depth int, b *frame.Batch) {
	// 1. Keys. Frames without an Ethernet header end here.
	w.stages.Enter(stage.Parse)
	k := &w.keys
	settled := w.book.Settled() // before any flow is found: who finds one that a walk removes must not take that to be over
	if recirc == 0 && w.waiting.Len() == 0 && w.watch == nil {
		w.flows.Expect(k, port)
	}
	kept := w.popping.alike
	if kept != nil {
		w.popping.alike = nil
		w.x.ExtractAlike(w.pool, port, b, k, kept)
	} else {
		w.x.Extract(w.pool, port, recirc, b, k)
	}
	gone := k.Short | k.Refused
	if gone != 0 || w.waiting.Len() > 0 || w.watch != nil {
		w.keepOuter(b.Frames(), kept)
		kept = nil
	}
	if gone != 0 {
		w.dropUnread(b, k.Short, dropShort)
		w.dropUnread(b, k.Refused, dropNotMapped)
	}
	// 2. Checksums that the sender left to hardware that is not there.
	if p := w.port(port); p != nil && p.partial && recirc == 0 {
		w.completeChecksums(b, gone)
	}
	// 3. Packets behind one of their flow that is with the slow path wait for it.
	if w.waiting.Len() > 0 {
		w.stages.Enter(stage.Slow)
		gone |= w.hold(b, depth, gone)
	}
	// 4. The flow of the port's latest packet, then the exact-match cache, then the megaflow cache for what neither knows.
	known := w.latest(port, recirc, gone)
	miss := w.miss[:0]
	if known|gone != 1<<k.N-1 {
		w.stages.Enter(stage.Exact)
		miss = w.emc.Lookup(k, known, &w.slots, miss)
	}
	if gone != 0 {
		miss = w.leave(gone, miss)
	}
	hits := k.N - bits.OnesCount64(known|gone) - len(miss)
	if w.watch != nil {
		w.watch.missed(w, port, recirc, depth, b.Frames(), miss)
	}
	w.count.levels.Add(hitEMC, uint64(hits))
	if len(miss) > 0 {
		w.stages.Enter(stage.Megaflow)
		miss = w.lookup(miss)
	}
	if known|gone != 1<<k.N-1 && recirc == 0 {
		w.met(port)
	}
	// 5. What packets that were taken up again have met before, and what they meet now, is of one version of the rules.
	if recirc != 0 {
		miss = w.agree(b, miss, settled, hits)
	}
	// 6. The slow path for the rest.
	if len(miss) > 0 {
		w.stages.Enter(stage.Slow)
		w.keepOuter(b.Frames(), kept)
		kept = nil
		w.ask(port, recirc, depth, b, miss)
	}
	if w.watch != nil {
		w.watch.found(w, port, recirc, depth, b.Frames())
	}
	// 7. Actions, for runs of packets with the same ones.
	w.stages.Enter(stage.Actions)
	if recirc == 0 {
		w.execute(port, depth, settled, kept, b.Frames(), known == 1<<k.N-1)
	} else {
		w.executeAgain(port, recirc, depth, b.Frames())
	}
	b.Reset()
}

// port returns the worker's view of a datapath port; nil when there is none.
func (w *pipeline) port(id uint32) *workerPort {
	if int(id) >= len(w.ports) {
		return nil
	}
	return w.ports[id]
}

// dropUnread drops the frames that have a bit in set before any look-up.
func (w *pipeline) dropUnread(b *frame.Batch, set uint64, reason int) {
	n := bits.OnesCount64(set)
	w.count.levels.Add(undecided, uint64(n))
	w.count.drop(reason, n)
	for ; set != 0; set &= set - 1 {
		w.frames.Put(b.Frames()[bits.TrailingZeros64(set)])
	}
}

// completeChecksums applies the rule of wire.CompleteChecksum to every frame that is still here and does
// not say itself what it lacks.
func (w *pipeline) completeChecksums(b *frame.Batch, gone uint64) {
	k := &w.keys
	n := 0
	for i, f := range b.Frames() {
		if f.Flags()&frame.HasOffload == 0 && k.L4[i] != 0 && gone>>i&1 == 0 && wire.CompleteChecksum(w.pool, f, int(k.L3[i]), int(k.L4[i])) {
			n++
		}
	}
	if n > 0 {
		w.count.events.Add(completed, uint64(n))
	}
}

// hold keeps the packets whose flow is with the slow path and returns a bit for each frame it took.
func (w *pipeline) hold(b *frame.Batch, depth int, gone uint64) (took uint64) {
	for i, f := range b.Frames() {
		if gone>>i&1 != 0 || !w.waiting.Has(w.keys.Hash[i]) {
			continue
		}
		took |= 1 << i
		w.keep(f, w.keys.Hash[i], depth)
	}
	return took
}

// keep holds one packet, or drops it when there is no room for it.
func (w *pipeline) keep(f frame.Frame, hash uint64, depth int) {
	if w.waiting.Hold(hash, f, depth) {
		w.count.events.Add(heldBack, 1)
		return
	}
	w.count.levels.Add(undecided, 1)
	w.count.drop(dropHoldFull, 1)
	w.frames.Put(f)
}

// latest finds the packets of the batch that are of the flow that the port's latest packet was of, but for those that are
// gone, and returns a bit for each.
func (w *pipeline) latest(port, recirc uint32, gone uint64) (known uint64) {
	if recirc != 0 || w.watch != nil {
		return 0
	}
	w.stages.Enter(stage.Port)
	known = w.flows.Latest(&w.keys, port, gone, &w.slots)
	w.count.levels.Add(hitLatest, uint64(bits.OnesCount64(known)))
	return known
}

// met takes note of the flow of the batch's last packet.
func (w *pipeline) met(port uint32) {
	for i := w.keys.N - 1; i >= 0; i-- {
		if s := w.slots[i]; s != 0 {
			w.flows.Meet(port, s)
			return
		}
	}
}

// leave takes the frames that are gone out of the look-up's result: their slots and misses. It returns the misses that
// remain.
func (w *pipeline) leave(gone uint64, miss []uint16) (left []uint16) {
	left = miss[:0]
	for _, i := range miss {
		if gone>>i&1 == 0 {
			left = append(left, i)
		}
	}
	for g := gone; g != 0; g &= g - 1 {
		w.slots[bits.TrailingZeros64(g)] = 0
	}
	return left
}

// lookup asks the megaflow cache about the packets of miss, teaches the exact-match cache, and
// returns those that are still unknown.
func (w *pipeline) lookup(miss []uint16) []uint16 {
	asked := uint64(0)
	for _, i := range miss {
		asked |= 1 << i
	}
	miss = w.flows.Lookup(&w.keys, miss, &w.slots)
	found := asked
	for _, i := range miss {
		found &^= 1 << i
	}
	if found != asked && found != 0 {
		if behind := w.behindMissed(asked&^found, found); behind != 0 {
			found &^= behind
			miss = w.lose(asked &^ found)
		}
	}
	w.count.levels.Add(hitMegaflow, uint64(bits.OnesCount64(found)))
	if w.emc.Takes() {
		for ; found != 0; found &= found - 1 {
			i := bits.TrailingZeros64(found)
			w.emc.Insert(&w.keys, i, w.slots[i])
		}
	}
	return miss
}

// behindMissed returns a bit for each of the packets found that comes behind one of its flow that was missed: the slow path
// has put the flow into the cache meanwhile. It must wait for the one that it would overtake.
func (w *pipeline) behindMissed(missed, found uint64) (behind uint64) {
	var some uint64 // bits of missed packets' hashes: most others have none of them
	for m := missed; m != 0; m &= m - 1 {
		some |= 1 << (w.keys.Hash[bits.TrailingZeros64(m)] & 63)
	}
	for ; found != 0; found &= found - 1 {
		i := bits.TrailingZeros64(found)
		if some>>(w.keys.Hash[i]&63)&1 != 0 && w.behind(missed&(1<<i-1), i) {
			behind |= 1 << i
		}
	}
	return behind
}

// lose makes packets that have a bit in set be not found, and returns them.
func (w *pipeline) lose(set uint64) []uint16 {
	miss := w.miss[:0]
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		w.slots[i] = 0
		miss = append(miss, uint16(i))
	}
	return miss
}

// execute runs the programs of the packets that were found the first time they were looked up. Neighbours with the same
// program run together, whatever flows they are of: order is kept, and a thousand flows between two ports cost what one
// does. settled is the version that was settled before they were looked up; kept, unless nil, what programs that ask for it
// still have to be given of outer headers; alike says that all packets are of one flow.
func (w *pipeline) execute(port uint32, depth int, settled version.Number, kept *[frame.TunnelBlock]byte, frames []frame.Frame, alike bool) {
	for i := 0; i < len(frames); {
		if w.slots[i] == 0 {
			i++
			continue
		}
		first, list := i, w.flows.Actions(w.slots[i])
		var all frame.Measure
		i, all = w.follow(frames, i, list, settled, alike)
		words := w.lists.Get(list)
		if kept != nil && !action.Bare(words) {
			w.pool.KeepTunnel(frames[first:i], kept)
			all = frame.Measure{}
		}
		w.run(words, run{
			port: port, depth: depth,
			frames: frames[first:i], l3: w.keys.L3[first:i], l4: w.keys.L4[first:i], all: all,
		})
	}
}

// follow measures and counts the packets from frame i on whose flows have the program list, and returns the first that has another
// or was not found.
func (w *pipeline) follow(frames []frame.Frame, i int, list flowcache.ListID, settled version.Number, alike bool) (next int, all frame.Measure) {
	first, flows := i, 0
	for i < len(frames) && w.slots[i] != 0 {
		slot := w.slots[i]
		actions, number := w.flows.Verdict(slot)
		if actions != list {
			break
		}
		from := i
		if alike {
			i = len(frames)
		}
		for i < len(frames) && w.slots[i] == slot {
			i++
		}
		if number != 0 {
			w.depart(frames[from:i], slot, actions, version.Number(number), settled)
		}
		flows++
	}
	all = w.pool.Measure(frames[first:i])
	if flows == 1 {
		w.flows.Credit(w.slots[first], uint64(i-first), uint64(all.Bytes), w.now)
		return i, all
	}
	sizes := w.sizes[:i-first]
	for j := range sizes {
		sizes[j] = uint32(w.pool.Total(frames[first+j]))
	}
	w.flows.CreditEach(w.slots[first:i], sizes, w.now)
	return i, all
}

// credit counts the packets from frame i on that are of its flow and returns the first that is not.
func (w *pipeline) credit(frames []frame.Frame, i int) int {
	slot := w.slots[i]
	first, size := i, 0
	for ; i < len(frames) && w.slots[i] == slot; i++ {
		size += w.pool.Total(frames[i])
	}
	w.flows.Credit(slot, uint64(i-first), uint64(size), w.now)
	return i
}

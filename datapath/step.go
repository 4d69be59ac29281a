package datapath

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// ErrTooLong says that a packet does not fit into the frame arena.
var ErrTooLong = errors.New("the packet is longer than the frame arena takes")

// A Stepper is a switch that nothing runs: no thread works for it, and it does what its caller says on the
// caller's goroutine, one packet at a time, each to its end. With a clock of the caller's (Options.Clock) and
// fixed seeds the same packets do the same, in every run.
//
// The methods of its Switch work as ever, Apply and Close among them; receive queues of ports are not
// read.
//
// Thread-safety: one goroutine at a time, that of the Switch's methods included.
type Stepper struct {
	*Switch
	w     *pipeline
	batch frame.Batch
}

// NewStepper returns a stepper for a switch with one worker. see, unless nil, is shown every look-up of every
// packet before what it leads to happens; it must not call the stepper.
func NewStepper(o Options, see func(*Pass)) (*Stepper, error) {
	o.Workers.Count, o.Server = 1, ByThread
	s, err := newSwitch(o, new(encap.Counters))
	if err != nil {
		return nil, err
	}
	st := &Stepper{Switch: s, w: s.pipes[0]}
	if see != nil {
		st.w.watch = &watch{see: see, find: st.megaflow}
	}
	st.w.flows.Offline() // between packets nobody waits for the worker
	return st, nil
}

// megaflow returns the flow that a key belongs to, 0 if there is none.
func (st *Stepper) megaflow(key *flow.Key) (slot flowcache.Slot) {
	st.slow.Locked(func() { slot, _ = st.flows.Find(key) })
	return slot
}

// Send lets a packet come in by a datapath port, and returns when all that comes of it has left. What it
// taught the rule tables is then true of the caches, too. The error is ErrTooLong.
func (st *Stepper) Send(port uint32, packet []byte) error {
	if err := st.take(packet); err != nil {
		return err
	}
	st.run(port, nil)
	return nil
}

// SendAll is Send for packets that come together, at most frame.MaxBatch. While the slow path has to do with some of
// them it calls between: with false before it decides about those that it has been asked about by now, if any, with
// true when its answers are on their way to the worker. between may change rule tables and call Walk, and nothing else of the
// stepper. What packets teach is true of the caches before the next one is looked up.
func (st *Stepper) SendAll(port uint32, packets [][]byte, between func(answers bool)) error {
	for _, p := range packets {
		if err := st.take(p); err != nil {
			st.w.frames.PutBatch(&st.batch)
			return err
		}
	}
	st.run(port, between)
	return nil
}

// Work lets what rule tables have given the switch to send leave (rules.Sender), and all that comes of it.
func (st *Stepper) Work() { st.run(0, nil) }

// take puts a packet into the batch that comes in next.
func (st *Stepper) take(packet []byte) error {
	f, ok := st.w.frames.FromBytes(packet)
	if !ok {
		return fmt.Errorf("%w: %d bytes", ErrTooLong, len(packet))
	}
	st.batch.Append(f)
	return nil
}

// run lets the batch come in, and the worker and the slow path have their turns until nothing is left to do.
func (st *Stepper) run(port uint32, between func(answers bool)) {
	w := st.w
	w.Resume()
	w.Process(port, &st.batch)
	for st.flush(); ; st.flush() {
		if between != nil {
			st.pause(between, false)
		}
		if st.slow.Drain() == 0 {
			break
		}
		if between != nil {
			st.pause(between, true)
		}
	}
	for w.Park() {
		w.Flush(st.clock.Now())
	}
	st.follow()
}

// flush lets the worker deal with all answers there are.
func (st *Stepper) flush() {
	for w := st.w; ; {
		if w.Flush(st.clock.Now()); w.lane.Answers.Empty() {
			return
		}
	}
}

// pause calls between. It stands between two cycles of the worker, where nobody waits for it.
func (st *Stepper) pause(between func(bool), answers bool) {
	st.w.flows.Offline()
	st.follow()
	between(answers)
	st.w.flows.Online()
}

// follow settles the caches if a packet taught a rule table something.
func (st *Stepper) follow() {
	select {
	case <-st.learnt:
		st.settle()
	default:
	}
}

// settle walks over the flow cache until it agrees with the rule tables: a walk tells the tables of traffic, which
// can teach them something that concerns flows it has passed. It ends, since that happens once for a packet.
func (st *Stepper) settle() {
	for st.reval.Due() {
		st.reval.Walk()
	}
}

// Covering returns the megaflow that a key belongs to, and its program, valid until the next packet; ok is false if
// there is none.
func (st *Stepper) Covering(key *flow.Key) (m flow.Match, program []uint64, ok bool) {
	return st.Megaflow(st.megaflow(key))
}

// Ask returns in v what the rule table says about a packet now, which the caches have no part in; it teaches the
// table nothing.
func (st *Stepper) Ask(l *Look, v *rules.Verdict) {
	q := rules.Query{Key: &l.Key, Packet: l.Packet[:min(len(l.Packet), st.o.Pool.Room())], Size: len(l.Packet), Now: st.clock.Now()}
	upcall.Lookup(st.tableOf(l.Port), &q, v, func(error) {})
}

// Walk looks at the ports' carriers, brings the caches into agreement with the rule tables and lets flows, rules
// and addresses age, as a running switch does every now and then; the caller keeps the time.
func (st *Stepper) Walk() {
	st.noteLinks()
	st.reval.Walk()
	st.settle()
	st.slow.Locked(st.flows.SortMasks)
}

// Megaflow returns what the flow in a slot matches and does; ok is false if there is none. The program is
// valid until the next packet.
func (st *Stepper) Megaflow(slot flowcache.Slot) (m flow.Match, program []uint64, ok bool) {
	var f flowcache.Flow
	st.slow.Locked(func() { ok = st.flows.Flow(slot, &f) })
	if !ok {
		return m, nil, false
	}
	m = flow.Match{Key: f.Key, Mask: f.Mask}
	m.Apply() // the cache's key says which blocks there are, which no mask does
	return m, st.lists.Get(f.Actions), true
}

// Extractor returns what the switch extracts keys with.
func (st *Stepper) Extractor() flow.Extractor { return st.extractor() }

// Drops appends the drop counters to dst; they are exact between packets.
func (st *Stepper) Drops(dst []counter.Sample) []counter.Sample {
	st.w.count.drops.Publish()
	return st.w.count.drops.Samples(dst)
}

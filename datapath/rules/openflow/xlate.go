package openflow

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Limits of translation, those of OVS (ovs-actions(7), "Error Handling"; ofproto-dpif-xlate.c).
const (
	maxDepth     = 64      // resubmits to the same or an earlier table within each other
	maxResubmits = 4096    // resubmits of one packet
	maxProgram   = 1 << 13 // words: 64 KiB of datapath actions
)

// An xlate is one translation: a packet's way through the tables.
//
// What a packet needs to be continued later (recirculation) is the working key, the masks beside it and
// the rest of the action lists: see frozen, which must have whatever else is kept across actions.
type xlate struct {
	t *Table
	q *rules.Query
	v *rules.Verdict

	state

	trunc    uint32 // bytes that the output at work sends at most; 0: all
	switched bool   // it is NORMAL's or FLOOD's: see rules.Sending

	uses flow.Mask // scratch: bits that a step looked at
	have flow.Mask // scratch: bits that a look-up may look at for nothing

	table     uint8
	cookie    uint64 // of the rule at work
	by        uint64 // its ruleWord
	depth     int
	nested    int // look-ups within each other, those in later tables included: for the trace
	resubmits int
	outputs   int
	reason    action.Reason // why nothing went out, should it come to that
	failed    bool          // translation is over, with nothing to come out of it
	exit      bool          // an action said so
	cloned    bool          // the program makes a copy of the packet

	mirrored mirrorMask // mirrors to whose places copies of the packet have gone
	selected mirrorMask // mirrors that have selected it since it was looked up

	alone bool // no other look-up is at work, and rules may change
	again bool // this has to be done alone

	lessons lessons

	rec *recorder // writes the path down; nil: nobody does

	stop   stop      // translation ends here and goes on when the packet comes back
	redo   bool      // with the action that stopped it
	paused *sending  // stopPaused: what controllers get the packet with
	rest   []segment // what it goes on with, as far as known
}

// Lookup implements rules.Table.
func (t *Table) Lookup(q *rules.Query, v *rules.Verdict) error {
	told := q.Live && q.Trace != nil // who is told should be told once
	if !told {
		if done, err := t.lookup(q, v); done || err != nil {
			return err
		}
	}
	if q.NoWait {
		return rules.ErrWait
	}
	v.Reset()
	return t.lookupAlone(q, v)
}

// lookup does a look-up beside others. done is false if this one changes rules, by what it learns, and must be done
// alone.
func (t *Table) lookup(q *rules.Query, v *rules.Verdict) (done bool, err error) {
	if !q.RLock(&t.mu) {
		return false, rules.ErrWait
	}
	defer t.mu.RUnlock()
	if err := t.expects(q); err != nil {
		return false, err
	}
	done = t.lookupBeside(q, v)
	v.Edition = t.edition.Load()
	return done, nil
}

// lookupBeside is lookup with the lock held.
func (t *Table) lookupBeside(q *rules.Query, v *rules.Verdict) (done bool) {
	p := &t.paths
	if !q.Live || q.Trace != nil || q.Have != nil || !p.mu.TryLock() {
		x := xlate{t: t, q: q, v: v}
		x.lookup()
		return !x.again
	}
	defer p.mu.Unlock()
	p.current(t)
	followed, leads := p.follow(t, q, v)
	if followed {
		return true
	}
	v.Reset()
	return p.translate(t, q, v, leads)
}

// translate does a look-up that has no path to follow, and writes its path down, unless it is known to lead nowhere.
func (p *paths) translate(t *Table, q *rules.Query, v *rules.Verdict, leads bool) bool {
	x := xlate{t: t, q: q, v: v}
	r := &p.rec
	r.begun = false
	// What mirrors send depends on more of the packet than what actions do.
	if leads && t.mirrors == nil && p.mayRecord(q.Now) && plain(q.Key) {
		x.rec = r
	}
	x.lookup()
	if r.begun && !x.again && p.version == t.log.others.Load() {
		p.keep(uint32(q.Key.Uint(flow.FieldInPort)), r.path, r.found)
	}
	return !x.again
}

func (t *Table) lookupAlone(q *rules.Query, v *rules.Verdict) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.expects(q); err != nil {
		return err
	}
	x := xlate{t: t, q: q, v: v, alone: true}
	x.lookup()
	x.teach()
	v.Edition = t.edition.Load()
	return nil
}

// mayChange reports whether rules may be changed. If not, the look-up ends and begins again alone.
func (x *xlate) mayChange() bool {
	if !x.alone {
		x.again, x.failed = true, true
	}
	return x.alone
}

// lookup makes the verdict.
func (x *xlate) lookup() {
	t, q, v := x.t, x.q, x.v
	in := t.ports.byID[uint32(q.Key.Uint(flow.FieldInPort))]
	if in == nil && q.Key.Uint(flow.FieldRecircID) != 0 {
		in = &rules.Port{Number: PortNone} // a controller's packet, which came in by no port
	}
	if in == nil {
		v.Tags |= t.portsTag()
		v.Actions.Drop(action.NoBridge)
		return
	}
	if in.Flags&(rules.PortDown|rules.NoReceive) != 0 {
		v.Tags |= t.portTag(in.Number)
		v.Actions.Drop(action.PortNoReceive)
		return
	}
	if t.mirrors.reserved(t.ports.place(in)) {
		v.Tags |= t.portTag(in.Number)
		v.Actions.Drop(action.MirrorPort)
		x.trace(0, ">>>> dropping packet received on port %s, which is reserved exclusively for mirroring <<<<", in.Name)
		return
	}
	x.by = noRule
	x.start(in)
	if x.rec != nil {
		x.rec.begin(x)
	}
	if id := uint32(q.Key.Uint(flow.FieldRecircID)); id == 0 {
		if x.heard(in) {
			return
		}
		x.arrived(in)
		x.mirrorIngress(in)
		x.runRule(x.match(0))
	} else if !x.thaw(id, in) {
		v.Actions.Drop(action.ContextGone)
		return
	}
	if x.stop == stopNot {
		x.runSet()
	}
	x.freeze()
	x.finish()
}

// start sets the keys to the packet's.
func (x *xlate) start(in *rules.Port) {
	x.work = *x.q.Key
	x.work.SetUint(flow.FieldInPort, uint64(in.Number))
	x.work.SetUint(flow.FieldRecircID, 0) // rules do not know of it
	x.work.SetUint(flow.FieldActsetOutput, PortUnset)
	// All packets start with it, and the classifier looks up by the conj_id beside it: changes of rules
	// that match either may concern any verdict.
	x.touch(flow.State, flow.OffConjID, 4)
	x.touch(flow.State, flow.OffActsetOutput, 4)
	for b := flow.Base; b <= flow.Label; b++ { // the blocks that programs write to
		x.base[b] = x.work[b]
	}
	x.vlan.base[0], x.vlan.base[1] = outerTag(&x.base), innerTag(&x.base)
	x.v.Tags |= x.t.portTag(in.Number)
}

// finish ends the program.
func (x *xlate) finish() {
	v, rewrote := x.v, x.v.Rewrote
	if x.rec != nil {
		if _, ok := x.rec.stretch(x); !ok {
			x.dead()
		} else {
			v.Mask.Union(&x.rec.loose)
		}
	}
	x.finishMask()
	if x.failed {
		v.Actions.Reset()
	} else {
		x.creditMirrors()
	}
	if x.failed || x.outputs == 0 {
		v.Actions.Drop(x.reason)
	}
	if x.cloned {
		v.Actions.OpenTail() // nobody needs the packet as it was
	}
	if x.rec != nil {
		x.rec.end(x, rewrote)
	}
	if x.q.Trace != nil {
		x.traceFinal()
	}
}

// finishMask takes out of the mask what is not the packet's. Registers and metadata start as zero: that they were
// looked at says nothing about the packet. in_port and recirc_id need no bit.
func (x *xlate) finishMask() {
	clear(x.v.Mask[flow.FastBlocks:])
	x.v.Mask.Clear(flow.FieldInPort)
	x.v.Mask.Clear(flow.FieldRecircID)
	x.finishPorts()
}

// stopped reports whether the rest of a list has to wait, or for ever.
func (x *xlate) stopped() bool { return x.failed || x.exit || x.stop != stopNot }

// because notes why the packet goes nowhere from here. A reason that says more than which rule matched
// stays.
func (x *xlate) because(r action.Reason) {
	if x.reason <= action.ByRule || r > action.ByRule {
		x.reason = r
	}
}

// fail ends translation: the packet is dropped, whatever was sent before in vain, as OVS does.
func (x *xlate) fail(r action.Reason) {
	if !x.failed {
		x.failed, x.reason = true, r
		if x.q.Trace != nil {
			x.trace(x.level(), ">>>> %s <<<<", r.Sentence())
		}
	}
}

// match finds the rule for the working key and notes what that consulted.
func (x *xlate) match(table uint8) *rule {
	x.v.Tags |= x.t.tableTag(table)
	x.v.Rewrote |= x.touched
	c := x.t.tables[table]
	if c == nil {
		return nil
	}
	if x.rec != nil {
		x.rec.lookUp(x, c)
	}
	r := x.find(c)
	if x.rec != nil {
		x.rec.found = append(x.rec.found, r)
	}
	return r
}

// find finds the rule for the working key in c and consults what that takes.
func (x *xlate) find(c *classifier.Classifier[*rule]) *rule {
	r := x.lookUp(c)
	mask := x.loose()
	for rest := c.Blocks(); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros16(rest)
		addExcept(&mask[b], &x.uses[b], &x.written[b])
	}
	if r == nil {
		return nil
	}
	return r.Value
}

// loose returns the mask that gets what look-ups and moves consult.
func (x *xlate) loose() *flow.Mask {
	if x.rec != nil {
		return &x.rec.loose
	}
	return &x.v.Mask
}

// free returns the bits of the working key that a look-up may consult at no cost: those that are no longer
// the packet's own, and those the caller has anyway. nil: none.
func (x *xlate) free() *flow.Mask {
	switch {
	case x.touched == 0:
		return x.q.Have
	case x.q.Have == nil:
		return &x.written
	}
	x.have = x.written
	x.have.Union(x.q.Have)
	return &x.have
}

// consult adds the bits in uses to the verdict's mask, those left out that are not the packet's own
// anymore.
func (x *xlate) consult() {
	for b := range x.uses {
		x.consultBlock(b)
	}
}

// consultBlock is consult for one block, the only one with bits in uses.
func (x *xlate) consultBlock(b int) {
	addExcept(&x.v.Mask[b], &x.uses[b], &x.written[b])
	if x.rec != nil && x.rec.spoiledBy(b, &x.uses[b]) {
		x.spoil()
	}
}

// need reports whether the working key's packet has what a field needs. All of that is in the base block.
func (x *xlate) need(n flow.Need) bool {
	if n == flow.NeedNone || x.met>>n&1 != 0 {
		return true
	}
	x.uses[flow.Base] = flow.Block{}
	ok := n.Met(&x.work, &x.uses)
	x.consultBlock(flow.Base)
	if ok {
		x.met |= 1 << n
	}
	return ok
}

// see consults a field of up to 8 bytes as a whole.
func (x *xlate) see(f flow.FieldID) { x.seeBits(f, f.Info().Max()) }

// seeBits consults some bits of a field of up to 8 bytes.
func (x *xlate) seeBits(f flow.FieldID, bits uint64) {
	x.v.Mask.SetBits(f, bits&^x.written.Uint(f))
	if x.rec != nil && x.rec.varies.Uint(f)&bits != 0 {
		x.spoil()
	}
}

// addExcept adds to dst the bits of src that except has not.
func addExcept(dst, src, except *flow.Block) {
	for i := 0; i < flow.BlockSize; i += 8 {
		// Bits keep their places: any order of bytes will do.
		w := binary.LittleEndian.Uint64(src[i:]) &^ binary.LittleEndian.Uint64(except[i:])
		binary.LittleEndian.PutUint64(dst[i:], binary.LittleEndian.Uint64(dst[i:])|w)
	}
}

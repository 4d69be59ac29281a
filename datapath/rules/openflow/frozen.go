package openflow

import (
	"encoding/binary"
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A segment is what is left of a list of actions: one rule's, or one bucket's.
type segment struct {
	actions []Action
	table   uint8
	depth   int
	cookie  uint64 // of the rule
	by      uint64 // its ruleWord
}

// frozen is a translation that stopped in the middle, to go on when the packet comes back under the id of
// the context: everything an xlate keeps across actions that the packet does not carry itself.
type frozen struct {
	// meta is what actions wrote beside the packet: registers, metadata, in_port, pkt_mark, tunnel fields.
	// written has the bits; all others are the packet's own.
	meta      flow.Key
	written   flow.Mask
	resubmits int
	mirrored  mirrorMask
	hash      uint64 // the operation that makes the dp_hash
	stack     []stackEntry
	set       []Action  // the action set
	rest      []segment // in the order in which they go on
}

func (*frozen) kind() contentKind { return contentFrozen }

// A stop says that translation ends here for now, and how.
type stop uint8

// Stops.
const (
	stopNot    stop = iota
	stopRecirc      // the packet comes back, its fields read anew
	stopHashed      // and with a dp_hash, which the program has computed
	stopPaused      // as stopRecirc, when a controller says so
)

// recirculate makes translation stop behind the current action, and go on when the packet has been looked
// at again. What was written is in the packet by then.
func (x *xlate) recirculate(how stop) {
	x.commit()
	x.stop = how
}

// recirculateBefore is recirculate in front of the current action.
func (x *xlate) recirculateBefore(how stop) {
	x.recirculate(how)
	x.redo = true
}

// left notes what is left of a list that a stop has left at action i.
func (x *xlate) left(list []Action, i int) {
	if !x.redo {
		i++
	}
	x.redo = false
	if i < len(list) {
		x.rest = append(x.rest, segment{actions: list[i:], table: x.table, depth: x.depth, cookie: x.cookie, by: x.by})
	}
}

// freeze ends the program with the recirculation that stopped translation, if one did.
func (x *xlate) freeze() {
	if x.stop == stopNot || x.failed {
		return
	}
	x.spoil()
	hashed, paused := x.stop == stopHashed, x.stop == stopPaused
	x.stop = stopNot
	id := x.freezeAs(hashed)
	x.rest = x.rest[:0]
	if id == 0 {
		x.fail(action.ContextsFull)
		return
	}
	x.name(id)
	if paused {
		x.paused.on = id
		x.send(x.paused)
		x.outputs++
		return
	}
	x.v.Actions.Recirc(id)
	x.outputs++
}

// freezeAs returns the id of the context that goes on where translation has stopped; 0 if there are too
// many.
func (x *xlate) freezeAs(hashed bool) uint32 {
	f := frozen{resubmits: x.resubmits, mirrored: x.mirrored, stack: x.stack, set: x.set, rest: x.rest}
	if hashed {
		f.hash = x.hash
	}
	f.metadata(&x.work, &x.written)
	return x.t.internFrozen(&f, hashed, x.q.Now)
}

// internFrozen returns the id of the context for f, of which it keeps nothing; 0 if there are too many. hashed says
// that packets have a dp_hash when they go on.
func (t *Table) internFrozen(f *frozen, hashed bool, now int64) uint32 {
	c := t.contexts
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	key := f.appendKey(append((*buf)[:0], byte(contentFrozen)))
	*buf = key
	if id := c.find(key, now); id != 0 {
		return id
	}
	kept := *f
	kept.stack, kept.set, kept.rest = slices.Clone(f.stack), slices.Clone(f.set), slices.Clone(f.rest)
	return c.add(key, &kept, hashed, now)
}

// name notes that the verdict needs a context.
func (x *xlate) name(id uint32) { x.v.Trail = append(x.v.Trail, contextWord(id)) }

// metadata takes what is written beside the packet from the working key. Registers and metadata start as
// zero: all of them count as written.
func (f *frozen) metadata(work *flow.Key, written *flow.Mask) {
	for b := flow.FastBlocks; b < flow.Blocks; b++ {
		f.meta[b] = work[b]
		f.written[b] = ones
	}
	for b := flow.Tunnel; b < flow.Options+flow.OptionBlocks; b++ {
		f.meta[b].And(&work[b], &written[b])
		f.written[b] = written[b]
	}
	for _, id := range [...]flow.FieldID{flow.FieldInPort, flow.FieldPktMark} {
		value, from, mask, bits := f.meta.Bytes(id), work.Bytes(id), f.written.Bytes(id), written.Bytes(id)
		for i, w := range bits {
			value[i], mask[i] = from[i]&w, w
		}
	}
}

// ones is a block of a mask with all bits.
var ones = func() (b flow.Block) {
	for i := range b {
		b[i] = 0xff
	}
	return b
}()

// appendKey appends what tells f from others.
func (f *frozen) appendKey(b []byte) []byte {
	for i := range f.written {
		if f.written[i] != (flow.Block{}) && (f.meta[i] != (flow.Block{}) || f.written[i] != ones) {
			b = append(b, byte(i)+1)
			b = append(b, f.meta[i][:]...)
			b = append(b, f.written[i][:]...)
		}
	}
	b = binary.AppendUvarint(append(b, 0), uint64(f.resubmits))
	b = binary.AppendUvarint(b, uint64(f.mirrored))
	b = binary.BigEndian.AppendUint64(b, f.hash)
	b = binary.AppendUvarint(b, uint64(len(f.stack)))
	for i := range f.stack {
		b = append(b, f.stack[i][:]...)
	}
	b = appendCounted(b, f.set)
	for i := range f.rest {
		s := &f.rest[i]
		b = binary.AppendUvarint(append(b, s.table), uint64(s.depth))
		b = binary.AppendUvarint(b, s.cookie)
		b = binary.AppendUvarint(b, s.by)
		b = appendCounted(b, s.actions)
	}
	return b
}

// appendCounted appends the text of a list of actions behind its length.
func appendCounted(b []byte, list []Action) []byte {
	at := len(b)
	b = AppendActions(append(b, 0, 0, 0, 0), list)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// thaw goes on with a translation that was frozen as context id, of a packet that came in by a port. It reports
// false if the context is not known.
func (x *xlate) thaw(id uint32, in *rules.Port) bool {
	what := x.t.contexts.get(id)
	if o, ok := what.(*toBond); ok {
		x.leaveHashed(o)
		return true
	}
	f, ok := what.(*frozen)
	if !ok {
		return false
	}
	x.restore(f)
	x.mirrorIngress(in)
	if x.q.Trace != nil {
		x.trace(0, "thaw")
		if len(f.rest) > 0 {
			x.trace(1, "Resuming from table %d", f.rest[0].table)
		}
	}
	for i := range f.rest {
		s := &f.rest[i]
		x.table, x.depth, x.cookie, x.by = s.table, s.depth, s.cookie, s.by
		x.because(action.ByRule)
		x.run(s.actions)
		if x.stop != stopNot {
			x.rest = append(x.rest, f.rest[i+1:]...)
		}
		if x.stopped() {
			break
		}
	}
	return true
}

// restore puts what was frozen into the working key. It is the same for all packets under the id, and
// says nothing about what they are themselves.
func (x *xlate) restore(f *frozen) {
	x.resubmits, x.hash, x.mirrored = f.resubmits, f.hash, f.mirrored
	x.stack, x.set = slices.Clone(f.stack), slices.Clone(f.set)
	for b := range f.written {
		for i := 0; i < flow.BlockSize; i += 8 {
			m := binary.LittleEndian.Uint64(f.written[b][i:])
			if m == 0 {
				continue
			}
			w := binary.LittleEndian.Uint64(x.work[b][i:])&^m | binary.LittleEndian.Uint64(f.meta[b][i:])
			binary.LittleEndian.PutUint64(x.work[b][i:], w)
			x.touched |= flow.WordBit(b, i/8)
		}
	}
	x.written.Union(&f.written)
}

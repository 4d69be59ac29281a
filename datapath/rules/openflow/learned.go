package openflow

import (
	"bytes"
	"encoding/binary"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// learned is the content of a context: the flow that packets of a verdict keep alive.
type learned struct {
	flow  Flow
	limit uint32
}

func (*learned) kind() contentKind { return contentLearned }

// appendKey appends what tells l from others.
func (l *learned) appendKey(b []byte) []byte {
	f := &l.flow
	b = append(b, byte(contentLearned), f.Table, byte(f.Flags))
	for _, v := range [...]uint16{f.Priority, f.IdleTimeout, f.HardTimeout} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = binary.BigEndian.AppendUint64(b, f.Cookie)
	b = binary.BigEndian.AppendUint32(b, l.limit)
	for i := range f.Match.Mask {
		if f.Match.Mask[i] != (flow.Block{}) {
			b = append(append(append(b, byte(i)+1), f.Match.Mask[i][:]...), f.Match.Key[i][:]...)
		}
	}
	return AppendActions(append(b, 0), f.Actions)
}

// internLearned returns the id of the context for l, 0 if there are too many.
func (t *Table) internLearned(l *learned, now int64) uint32 {
	c := t.contexts
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	*buf = l.appendKey((*buf)[:0])
	if id := c.find(*buf, now); id != 0 {
		return id
	}
	return c.add(*buf, l, false, now)
}

// isLearned reports whether r does what l has learned.
func (r *rule) isLearned(l *learned) bool {
	a, b := r.Actions, l.flow.Actions
	if r.Cookie != l.flow.Cookie || len(a) != len(b) {
		return false
	}
	return len(a) == 0 || &a[0] == &b[0] || bytes.Equal(AppendActions(nil, a), AppendActions(nil, b))
}

// refresh makes the rule's timeouts begin anew at now.
func (r *rule) refresh(now int64) {
	later(&r.used, now)
	later(&r.modified, now)
}

// hasRoomFor reports whether one flow more than those there and others on their way keeps within the limit of l. The
// caller holds a lock.
func (t *Table) hasRoomFor(l *learned, others int) bool {
	if l.limit == 0 {
		return true
	}
	key, flows := learnedCookie{l.flow.Table, l.flow.Cookie}, others
	if who := t.learners[key]; who != nil {
		flows += who.flows
	} else { // a packet-out's, or that of a rule that is gone
		flows += t.countCookie(key)
	}
	return flows < int(l.limit)
}

// putLearned adds the flow of l, or makes the one that is there the same, and reports whether that has changed the table.
// The caller holds the write lock.
func (t *Table) putLearned(l *learned, now int64) (changed bool) {
	x := tx{t: t, now: now, aside: true}
	switch r := t.find(&l.flow); {
	case r != nil && r.isLearned(l):
		r.refresh(now)
		return false
	case r != nil:
		x.modify(r, &Mod{Flow: Flow{Actions: l.flow.Actions, Cookie: l.flow.Cookie}, SetCookie: true})
	case !t.hasRoomFor(l, 0):
		return false
	default:
		if err := x.add(&l.flow); err != nil {
			x.undo()
			return false
		}
	}
	x.done()
	return true
}

// creditLearned keeps the flow of a context alive for packets that were seen at used and whose verdict the
// rule by taught. It reports whether the flow is not there as it should be.
func (t *Table) creditLearned(id uint32, by uint64, used int64) (missing bool) {
	l, ok := t.contexts.get(id).(*learned)
	if !ok {
		return false
	}
	if r := t.find(&l.flow); r != nil && r.isLearned(l) {
		r.refresh(used)
		return false
	}
	return t.inTable(by)
}

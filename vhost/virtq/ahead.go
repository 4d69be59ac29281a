package virtq

import (
	"github.com/culvertdev/culvert/ring/move"
	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A guest posts empty buffers long before a packet comes for them. Ahead is for the time until then: it takes nothing
// and writes nothing. A guest's index that it finds wrong ends the queue, as it does in Take.

// Ahead asks for the lines that the next chain taken from a ring of empty buffers is written to: the beginning of its memory,
// and its used entry.
func (q *Split) Ahead() {
	if q.err != nil || q.old.left() > 0 || q.waiting(1) == 0 {
		return
	}
	if head := q.avail[q.next&q.mask]; int(head) < len(q.desc) {
		q.own(q.desc[head])
		move.WillWrite(&q.used[q.given&q.mask])
	}
}

// Ahead asks for the lines that the next chain taken from a ring of empty buffers is written to: the beginning of its memory.
// The guest looks at its descriptor all the time, to see when it is used, and would have it back at once.
func (q *Packed) Ahead() {
	if q.err != nil || q.old.left() > 0 {
		return
	}
	d := layout.Desc{Rest: q.guard[q.next.At].Rest.Load()}
	if d.PackedFlags()&layout.PhaseMask == q.next.Phase {
		d.Addr = q.desc[q.next.At].Addr // only now is it the device's to read
		q.own(d)
	}
}

// own asks for the first lines of a buffer, to be written: those that a header and a small packet fill.
func (q *common) own(d layout.Desc) {
	const line = 64
	area := q.win.Area()
	if d.Len() == 0 || !area.Has(d.Addr, d.Len()) {
		return
	}
	b := area.Bytes(d.Addr, d.Len())
	move.WillWrite(&b[0])
	if len(b) > line {
		move.WillWrite(&b[line])
	}
}

package upcall

import (
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/ring/frame"
)

// due is traffic that its table has not been told of yet: of one trail, as packets of new flows are that come one
// after the other.
type due struct {
	table          rules.Table // nil: there is none
	trail          []uint64
	packets, bytes uint64
	now            int64
}

// credit notes that f, which h.verdict is about and no worker counts, is to be told to the table.
func (h *Handler) credit(f frame.Frame, now int64) {
	t := h.table
	if t == nil {
		return
	}
	d := &h.due
	if d.table != t || !slices.Equal(d.trail, h.verdict.Trail) {
		h.tell()
		d.table, d.trail = t, append(d.trail[:0], h.verdict.Trail...)
	}
	d.packets++
	d.bytes += uint64(h.Pool.Total(f))
	d.now = now
}

// tell tells the table. A worker that would have to wait for that leaves it to the handler's goroutine.
func (h *Handler) tell() {
	d := &h.due
	switch {
	case d.table == nil:
	case !h.hasty:
		d.table.Credit(d.trail, d.packets, d.bytes, d.now)
	default:
		p, ok := rules.As[rules.Prompt](d.table)
		if !ok || !p.TryCredit(d.trail, d.packets, d.bytes, d.now) {
			h.untold.add(d)
			h.owing.Store(true)
		}
	}
	d.table, d.packets, d.bytes = nil, 0, 0
}

// maxUntold is how much traffic workers may leave for others to tell tables of; beyond it they leave packets to them, too.
const maxUntold = frame.MaxBatch

// untold is traffic that workers could not tell tables of, at most maxUntold and a batch's. It keeps its memory.
type untold struct {
	list [maxUntold + frame.MaxBatch]due
	n    int
}

// add adds what is due.
func (u *untold) add(d *due) {
	to := &u.list[u.n]
	trail := append(to.trail[:0], d.trail...)
	*to = *d
	to.trail = trail
	u.n++
}

// tellUntold tells tables what workers have left. The lock is held by somebody who may wait.
func (h *Handler) tellUntold() {
	u := &h.untold
	for i := range u.list[:u.n] {
		d := &u.list[i]
		d.table.Credit(d.trail, d.packets, d.bytes, d.now)
		d.table = nil
	}
	u.n = 0
	h.owing.Store(false)
}

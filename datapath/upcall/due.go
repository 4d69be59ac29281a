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
		d.tell()
		d.table, d.trail = t, append(d.trail[:0], h.verdict.Trail...)
	}
	d.packets++
	d.bytes += uint64(h.Pool.Total(f))
	d.now = now
}

// tell tells the table.
func (d *due) tell() {
	if d.table != nil {
		d.table.Credit(d.trail, d.packets, d.bytes, d.now)
		d.table, d.packets, d.bytes = nil, 0, 0
	}
}

package virtq

import (
	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// common is what the two layouts share.
type common struct {
	win       mem.Window // into the guest's memory
	tables    mem.Window // the same, for indirect tables: they are read, whatever is done with buffers
	err       *Error     // what the guest did; the queue is dead
	indirect  bool       // negotiated
	events    bool       // the event index is negotiated
	order     bool       // chains go back in order, and the guest knows
	untold    bool       // the guest was never told of anything: it is, whatever its event index says
	logRing   bool       // the ring is logged
	log       *mem.Log   // nil: nothing is
	ringLog   uint64     // guest-physical address under which the ring is logged
	old       resumed    // chains that were in flight before, and are taken first
	reads     bool       // the device only reads: see Config.Reads
	apart     bool       // an IOMMU may let tables be read and not buffers: the short way, which looks for both at once, is barred
	direction uint16     // flag of the descriptors of plain chains
	platform  platform   // what addresses go through
}

// open sets up what does not depend on the layout.
func (q *common) open(t *mem.Table, c Config) error {
	*q = common{
		indirect: c.Indirect,
		events:   c.EventIndex,
		order:    c.InOrder,
		reads:    c.Reads,
		untold:   true,
		log:      c.Log,
		logRing:  c.LogRing && c.Log != nil,
	}
	if !c.Reads {
		q.direction = layout.FlagWrite
	}
	q.win.Open(t)
	q.tables.Open(t)
	q.translate(c)
	// A page that the log has no bit for would be lost to the guest that is moved.
	if c.Log != nil && !c.Log.CoversTable(t) {
		return failed(BadLog, 0)
	}
	return nil
}

// Err returns what the guest did wrong, or nil. After it nothing works until the ring is set up anew.
func (q *common) Err() error {
	if q.err == nil {
		return nil
	}
	return q.err
}

// fail kills the queue.
func (q *common) fail(k Kind, at uint32, value uint64) {
	if q.err == nil {
		q.err = &Error{Kind: k, At: at, Value: value}
	}
}

// failed returns an error for a ring that cannot be set up.
func failed(k Kind, value uint64) error { return &Error{Kind: k, Value: value} }

// logWritten marks the pages that the device wrote to in a chain's segments.
func (q *common) logWritten(b *Chains, c *Chain) {
	left := c.Written
	for s := c.split(); s < c.end() && left > 0; s++ {
		n := min(left, uint32(len(b.seg[s])))
		q.log.Mark(b.addr[s], uint64(n))
		left -= n
	}
}

// logUsed marks n bytes at offset off of the ring.
func (q *common) logUsed(off, n uint64) {
	if q.logRing {
		q.log.Mark(q.ringLog+off, n)
	}
}

package virtq

import (
	"math/bits"
	"sync/atomic"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A Split is the device's half of a split virtqueue (VIRTIO 1.2, 2.7).
//
//	available ring   flags 16 | idx 16 | ring: head 16 ... | used_event 16     written by the driver
//	used ring        flags 16 | idx 16 | ring: id 32, len 32 ... | avail_event 16     written by the device
//
// Indices run freely, modulo 65536.
//
// Thread-safety: none. One goroutine at a time uses a queue; the guest on the other side may do anything.
type Split struct {
	common
	desc  []layout.Desc
	avail []uint16
	used  []layout.Used
	mask  uint16 // entries - 1

	next   uint16       // available entry to take next
	seen   uint16       // avail.idx as last read: entries before it are there
	given  uint16       // used entry to write next
	shown  uint16       // used.idx as the guest sees it
	told   uint16       // used.idx when the guest was last told, or needed not to be
	flags  uint16       // used.flags
	head   uint16       // descriptor that the chain taken last begins with
	stride uint16       // how far from the one before
	flight *splitFlight // nil unless tracked across restarts

	availWord layout.Half    // avail.idx
	availFlag layout.Half    // avail.flags
	usedEvent layout.Half    // avail.used_event
	usedWord  *atomic.Uint32 // used.flags and used.idx
	event     layout.Half    // used.avail_event
}

// NewSplit opens a split ring in the guest's memory t, which stays open until the queue has done with it. A
// guest's mistakes come back as an *Error.
//
// It goes on where the used ring ends, and not at Config.Position: that is what the guest has seen, and whatever
// was taken without being given back is taken again. Between two peers that part in order the two are the same.
func NewSplit(t *mem.Table, c Config) (*Split, error) {
	if c.Size < 1 || c.Size > MaxSize || bits.OnesCount(uint(c.Size)) != 1 || !layout.LittleEndian {
		return nil, failed(BadSize, uint64(c.Size))
	}
	q := &Split{mask: uint16(c.Size - 1)}
	if err := q.open(t, c); err != nil {
		return nil, err
	}
	if err := q.findParts(t, c); err != nil {
		return nil, err
	}
	q.shown = uint16(q.usedWord.Load() >> 16)
	q.next, q.seen, q.given, q.told = q.shown, q.shown, q.shown, q.shown
	if c.Inflight != nil {
		if err := q.resume(c.Inflight); err != nil {
			return nil, err
		}
	}
	if q.look(); q.err != nil {
		return nil, q.err
	}
	return q, nil
}

// findParts finds the ring's parts. VIRTIO 1.2, 2.7: alignment and size of the three; the event words are there
// if negotiated.
func (q *Split) findParts(t *mem.Table, c Config) error {
	event := 0
	if c.EventIndex {
		event = 2
	}
	table, _, err := q.part(t, c.Desc, layout.DescBytes*c.Size, 16, mem.Read)
	if err != nil {
		return err
	}
	avail, _, err := q.part(t, c.Driver, 4+2*c.Size+event, 2, mem.Read)
	if err != nil {
		return err
	}
	used, guest, err := q.part(t, c.Device, 4+8*c.Size+event, 4, mem.Read|mem.Write)
	if err != nil {
		return err
	}
	if q.ringLog = c.RingLog; c.IOTLB != nil {
		q.ringLog = guest
	} else if q.logRing && !c.Log.Covers(c.RingLog, uint64(len(used))) {
		return failed(BadLog, c.RingLog)
	}
	var ok [3]bool
	q.desc, ok[0] = layout.View[layout.Desc](table, c.Size)
	q.avail, ok[1] = layout.View[uint16](avail[4:], c.Size)
	q.used, ok[2] = layout.View[layout.Used](used[4:], c.Size)
	if ok != [3]bool{true, true, true} {
		return failed(RingMisaligned, c.Desc)
	}
	q.availFlag, q.availWord = layout.HalfAt(avail, 0), layout.HalfAt(avail, 2)
	q.usedWord, _ = layout.Word(used, 0)
	if c.EventIndex {
		q.usedEvent, q.event = layout.HalfAt(avail, 4+2*c.Size), layout.HalfAt(used, 4+8*c.Size)
	}
	return nil
}

// Available returns how many chains wait to be taken.
func (q *Split) Available() int {
	if q.err != nil {
		return 0
	}
	return q.old.left() + q.look()
}

// Position returns where to go on, for VHOST_USER_GET_VRING_BASE: the index of the available entry behind the
// last chain given back. Publish first.
func (q *Split) Position() uint32 { return uint32(q.given) }

// resume finds out which chains were in flight, and goes on behind them.
func (q *Split) resume(region []byte) error {
	f, err := openSplitFlight(region, len(q.desc))
	if err != nil {
		return err
	}
	q.flight = f
	q.old.entries = f.resume(q.shown)
	q.next += uint16(len(q.old.entries))
	q.seen = q.next
	return nil
}

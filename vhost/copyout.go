package vhost

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/ring/move"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// copyPlain copies frames into the first chains of got, one into each, as long as they are complete, in one
// buffer, and have room in one piece of memory, as nearly all do. It returns how many.
func (q *txQueue) copyPlain(r *ring, frames []frame.Frame, got int) (done int) {
	if len(frames) <= pmd.Few {
		var pieces [pmd.Few]move.Piece
		return q.copyRow(r, frames, got, pieces[:])
	}
	var pieces [frame.MaxBatch]move.Piece
	return q.copyRow(r, frames, got, pieces[:])
}

// copyRow is copyPlain with room to note what is copied where; see the receiving side's.
func (q *txQueue) copyRow(r *ring, frames []frame.Frame, got int, pieces []move.Piece) (done int) {
	chains, header := &r.chains, r.header
	segs := chains.Plain()
	segs = segs[:min(len(segs), len(frames), got, len(pieces))]
	size := 0
	for i, seg := range segs {
		f := frames[i]
		n := header + f.Len()
		if !f.Plain() || f.Len() > r.longest || len(seg) < n {
			break
		}
		pieces[i].Set(seg[header:], q.pool.Bytes(f))
		chains.At(i).Written = uint32(n)
		size += f.Len()
		done++
	}
	// The guest's core has had these lines, and a row of them is waited for once.
	move.WillCopyTo(pieces[:done], header)
	for _, seg := range segs[:done] {
		nethdr.PutPlain(seg[:header])
	}
	move.All(pieces[:done])
	q.size += size
	return done
}

// What put returns instead of a number of chains.
const (
	tooFew       = 0  // chains: the packet needs more
	dropOffload  = -1 // the guest does not take what the packet lacks
	dropTooLong  = -2
	dropNoBuffer = -3 // the buffer is smaller than the packet
	dropUnknown  = -4 // the next buffer's address is not translated yet
)

// drop counts a packet that put did not take, for the reason it gave.
func (q *txQueue) drop(r *ring, k int) {
	q.dropped++
	if k == tooFew && r.waits {
		k = dropUnknown
	}
	reason := [...]int{
		-tooFew: pmd.TxFull, -dropOffload: txOffload, -dropTooLong: pmd.TxTooLong, -dropNoBuffer: txSmallBuffer, -dropUnknown: txUntranslated,
	}
	q.counters.Add(reason[-k], 1)
}

// put copies f into the chains from number at on, of got, and returns how many it took, or one of the numbers
// above. With an error the guest has broken a rule.
func (q *txQueue) put(r *ring, f frame.Frame, at, got int) (k int, err error) {
	total := q.pool.Total(f)
	if f.Flags()&frame.HasOffload == 0 {
		if total > r.longest {
			return dropTooLong, nil
		}
		nethdr.Put(&q.header, nil, 1)
	} else if k := q.offload(r, f, total); k != 0 {
		return k, nil
	}
	if at == got {
		return tooFew, nil
	}
	need := r.header + total
	c := r.chains.At(at)
	segs := r.chains.Writable(c)
	if f.More() == 0 && len(segs) == 1 && need <= len(segs[0]) {
		r.room = len(segs[0]) - r.header
		copy(segs[0], q.header[:r.header])
		copy(segs[0][r.header:], q.pool.Bytes(f))
		c.Written = uint32(need)
		q.size += total
		return 1, nil
	}
	return q.scatter(r, f, at, got, total)
}

// offload prepares the header of a packet that is not finished. It returns 0 or why the guest does not get it.
func (q *txQueue) offload(r *ring, f frame.Frame, total int) int {
	o := &q.pool.Meta(f).Offload
	switch {
	case pmd.Needs(o)&^r.takes != 0:
		return dropOffload
	case o.GSO == frame.GSONone && total > r.longest || total > longest:
		return dropTooLong
	}
	nethdr.Put(&q.header, o, 1)
	q.counters.Add(txPartial, 1)
	if o.GSO != frame.GSONone {
		q.counters.Add(txSegments, 1)
	}
	return 0
}

// scatter is put for packets, or buffers, in several pieces.
func (q *txQueue) scatter(r *ring, f frame.Frame, at, got, total int) (k int, err error) {
	need := r.header + total
	room := 0
	for k = 0; room < need; k++ {
		if at+k == got {
			return tooFew, nil
		}
		n := virtq.Bytes(r.chains.Writable(r.chains.At(at + k)))
		if n < r.header && k == 0 || n == 0 {
			return 0, ErrHeader
		}
		if r.room = n - r.header; !r.merge && n < need {
			return dropNoBuffer, nil
		}
		room += n
	}
	nethdr.PutBuffers(&q.header, uint16(k))
	out := sink{ring: r, at: at}
	out.write(q.header[:r.header])
	for ok := true; ok; f, ok = q.pool.Next(f) {
		out.write(q.pool.Bytes(f))
	}
	q.size += total
	return k, nil
}

// A sink writes to the guest's chains one after the other.
type sink struct {
	ring *ring
	at   int // chain
	seg  int // its segment
	off  int // in that
}

// write writes src, for which there is room.
func (s *sink) write(src []byte) {
	for len(src) > 0 {
		c := s.ring.chains.At(s.at)
		segs := s.ring.chains.Writable(c)
		n := copy(segs[s.seg][s.off:], src)
		src = src[n:]
		c.Written += uint32(n)
		if s.off += n; s.off == len(segs[s.seg]) {
			s.seg, s.off = s.seg+1, 0
		}
		if s.seg == len(segs) {
			s.at, s.seg = s.at+1, 0
		}
	}
}

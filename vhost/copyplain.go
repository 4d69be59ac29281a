package vhost

import (
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/ring/move"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// copySingle is copyIn for chains of one segment each, as long as what is in them is complete and fits one buffer. It
// returns how many.
//
// What the guest has written comes from another core's cache, and costs more than all else here. So the header of a
// guest that may leave nothing to its receiver is not looked at (VIRTIO 1.2, 5.1.6.2: it says nothing).
func (q *rxQueue) copySingle(b *frame.Batch, segs [][]byte) (n int) {
	if len(segs) <= pmd.Few {
		var frames [pmd.Few]frame.Frame
		var pieces [pmd.Few]move.Piece
		return q.copyRow(b, segs, frames[:], pieces[:])
	}
	var frames [frame.MaxBatch]frame.Frame
	var pieces [frame.MaxBatch]move.Piece
	return q.copyRow(b, segs, frames[:], pieces[:])
}

// copyRow is copySingle with room to note what is copied where: to clear as much as a batch needs takes longer than to copy
// a few packets.
func (q *rxQueue) copyRow(b *frame.Batch, segs [][]byte, frames []frame.Frame, pieces []move.Piece) (n int) {
	if q.fresh.Len() < len(segs) {
		q.refill(len(segs))
	}
	fresh := q.fresh.Frames()
	header, room, takes := q.ring.header, q.pool.Room(), q.ring.takes
	left := len(fresh)
	limit := min(len(segs), left, len(frames), len(pieces))
	total := 0
	for n < limit {
		seg := segs[n]
		size := len(seg) - header
		if size < wire.EthernetSize || size > room || takes != 0 && !plain(seg) {
			break
		}
		// A new value, not a change to the old one: that would be in memory, and read back before it is there.
		f := q.pool.At(fresh[left-1-n].Off(), size)
		pieces[n].Set(q.pool.Bytes(f), seg[header:])
		frames[n] = f
		total += size
		n++
	}
	move.All(pieces[:n]) // panics where memory is gone: so far nothing has changed hands
	q.fresh.Truncate(left - n)
	b.AppendAll(frames[:n])
	q.counted, q.size = n, total
	return n
}

// copyPlain is copyIn for packets that are complete, behind a header in the same piece of memory or in one of its
// own, and fit one buffer: what nearly every packet is like. It returns the number of the first chain, from done
// on, that has another. Headers are looked at as copySingle does.
func (q *rxQueue) copyPlain(b *frame.Batch, done, n int) int {
	chains, header, room := &q.ring.chains, q.ring.header, q.pool.Room()
	if q.fresh.Len() < n-done {
		q.refill(n - done)
	}
	q.touched += touch(chains, done, n)
	empty := q.fresh.Len()
	for ; done < n && empty > 0; done++ {
		segs := chains.Readable(chains.At(done))
		if len(segs) == 0 || len(segs[0]) < header {
			break
		}
		first, data := segs[0], segs[0][header:]
		if len(segs) == 2 && len(data) == 0 {
			data = segs[1]
		} else if len(segs) != 1 {
			break
		}
		if len(data) < wire.EthernetSize || len(data) > room || q.ring.takes != 0 && !plain(first) {
			break
		}
		empty--
		// A new value, not a change to the old one: that would be in memory, and read back before it is there.
		f := q.pool.At(q.fresh.Frames()[empty].Off(), len(data))
		copy(q.pool.Bytes(f), data)
		q.fresh.Truncate(empty)
		b.Append(f)
	}
	return done
}

// touch reads a byte of each of the chains from done up to n. All are on their way at once then, where copying asks for
// the next packet when the last one is there.
func touch(chains *virtq.Chains, done, n int) (sum byte) {
	for ; done < n; done++ {
		if segs := chains.Readable(chains.At(done)); len(segs) > 0 {
			last := segs[len(segs)-1]
			sum += last[len(last)-1]
		}
	}
	return sum
}

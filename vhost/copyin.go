package vhost

import (
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/ring/move"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// longest is the most bytes of a packet from a guest: a segment whose IP packet has all the bytes that its
// length field can say, behind an Ethernet header and two tags.
const longest = 1<<16 - 1 + tagRoom // bytes

// copyIn appends the packets of the first n chains to b and returns how many chains are done with: fewer when
// the arena is exhausted.
func (q *rxQueue) copyIn(b *frame.Batch, n int) (done int, err error) {
	plain := q.ring.chains.Plain()
	if done = q.copySingle(b, plain[:min(len(plain), n)]); done == n {
		return done, nil
	}
	for {
		// Packets are mostly alike: the first that is not plain is looked at closely, then on with the others.
		if done = q.copyPlain(b, done, n); done == n {
			break
		}
		segs := q.ring.chains.Readable(q.ring.chains.At(done))
		total := virtq.Bytes(segs) - q.ring.header
		need := 1
		if total > q.pool.Room() {
			need = (min(total, longest) + q.pool.Room() - 1) / q.pool.Room()
		}
		if q.fresh.Len() < need && !q.refill(need) {
			q.counters.Add(rxNoBuffer, 1)
			break
		}
		f, ok, err := q.packet(segs, total, need)
		if err != nil {
			return done, err
		}
		if ok {
			b.Append(f)
		}
		done++
	}
	return done, nil
}

// copySingle is copyIn for chains of one segment each, as long as what is in them is complete and fits one buffer. It
// returns how many.
//
// What the guest has written comes from another core's cache, and costs more than all else here. So the header of a
// guest that may leave nothing to its receiver is not looked at (VIRTIO 1.2, 5.1.6.2: it says nothing).
func (q *rxQueue) copySingle(b *frame.Batch, segs [][]byte) (n int) {
	var frames [frame.MaxBatch]frame.Frame
	var pieces [frame.MaxBatch]move.Piece
	if q.fresh.Len() < len(segs) {
		q.refill(len(segs))
	}
	fresh := q.fresh.Frames()
	header, room, takes := q.ring.header, q.pool.Room(), q.ring.takes
	left := len(fresh)
	limit := min(len(segs), left, len(frames))
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
		n++
	}
	move.All(pieces[:n]) // panics where memory is gone: so far nothing has changed hands
	q.fresh.Truncate(left - n)
	b.AppendAll(frames[:n])
	return n
}

// copyPlain is copyIn for packets that are complete, behind a header in the same piece of memory or in one of its
// own, and fit one buffer: what nearly every packet is like. It returns the number of the first chain, from done
// on, that has another.
//
// What the guest has written comes from another core's cache, and costs more than all else here. So the header of a
// guest that may leave nothing to its receiver is not looked at (VIRTIO 1.2, 5.1.6.2: it says nothing).
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

// refill gets empty buffers, need of them at least.
func (q *rxQueue) refill(need int) bool {
	q.cache.Fill(&q.fresh, q.fresh.Room())
	return q.fresh.Len() >= need
}

// packet copies one packet of total bytes into the last need of the fresh buffers. ok is false when the packet is
// dropped, which is counted; with an error the guest has broken a rule.
func (q *rxQueue) packet(segs [][]byte, total, need int) (f frame.Frame, ok bool, err error) {
	switch {
	case total < 0:
		return f, false, ErrHeader
	case total < wire.EthernetSize:
		q.counters.Add(rxRunt, 1)
		return f, false, nil
	case total > longest:
		q.counters.Add(rxTooLong, 1)
		return f, false, nil
	}
	buffers := q.fresh.Frames()[q.fresh.Len()-need:]
	in := source{segs: segs}
	in.read(q.header[:q.ring.header])
	var chain frame.Chain
	left := total
	for _, g := range buffers {
		q.pool.SetLen(&g, min(left, q.pool.Room()))
		in.read(q.pool.Bytes(g))
		left -= g.Len()
		chain.Append(q.pool, g)
	}
	f = chain.Frame(q.pool)
	if q.ring.takes != 0 && !plain(q.header[:]) {
		o, need, fits, err := offloadOf(&q.header, q.ring.takes, q.pool.Bytes(f), total)
		switch {
		case err != nil:
			return f, false, err
		case !fits:
			q.counters.Add(rxBadOffload, 1)
			return f, false, nil
		case need:
			q.mark(&f, &o)
		}
	}
	q.fresh.Truncate(q.fresh.Len() - need)
	return f, true, nil
}

// mark says in f what its sender has left to others.
func (q *rxQueue) mark(f *frame.Frame, o *frame.Offload) {
	q.pool.Meta(*f).Offload = *o
	f.SetFlags(frame.HasOffload)
	q.counters.Add(rxPartial, 1)
	if o.GSO != frame.GSONone {
		q.counters.Add(rxSegments, 1)
	}
}

// A source reads the guest's segments one after the other, each byte once.
type source struct {
	segs [][]byte
	off  int // in the first of segs
}

// read fills dst, which is no longer than what is left.
func (s *source) read(dst []byte) {
	for len(dst) > 0 {
		n := copy(dst, s.segs[0][s.off:])
		dst = dst[n:]
		if s.off += n; s.off == len(s.segs[0]) {
			s.segs, s.off = s.segs[1:], 0
		}
	}
}

package vhost

import (
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// longest is the most bytes of a packet from a guest: a segment whose IP packet has all the bytes that its
// length field can say, behind an Ethernet header and two tags.
const longest = 1<<16 - 1 + tagRoom // bytes

// mostSegments is how many segments one packet may be cut into: 64 KiB in segments of 256 bytes. Guests have no reason for more: the
// smallest path MTU of Linux leaves TCP 500 bytes (net.ipv4.route.min_pmtu), and UDP has 128 datagrams in one packet at most
// (UDP_MAX_SEGMENTS). Segments of a byte would make one packet of the guest's 65,000 of the switch's.
const mostSegments = 256

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
		case o.GSO != frame.GSONone && total > mostSegments*int(o.GSOSize)+int(o.HeaderLen):
			q.counters.Add(rxSmallSegments, 1)
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

package vhost

import (
	"runtime/debug"
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// showEvery is after how many buffers the guest sees those it got, even before Flush.
const showEvery = 256

// A txQueue gives packets to the guest, in the ring it is assigned: one of its own when the guest uses as many,
// or one that it shares with another worker's queue when the guest uses fewer.
type txQueue struct {
	target   atomic.Pointer[ring] // nil: there is no guest
	last     *ring                // has buffers the guest does not see yet; nil: none has
	pool     *frame.Pool
	cache    *frame.Cache
	counters *counter.Block
	alone    bool // the batch before was of few packets, which the guest has seen at once
	dropped  int  // packets of the batch in hand whose drop has been counted
	size     int  // bytes of the packets of the batch in hand that the guest gets
	header   [nethdr.Size]byte
}

// Send implements pmd.TxQueue: packets are copied, and their frames free, when it returns.
func (q *txQueue) Send(b *frame.Batch) (n int) {
	r := q.target.Load()
	if q.last != nil && q.last != r {
		q.Flush()
	}
	if r == nil || !r.gate.Enter() {
		q.counters.Add(txNoGuest, uint64(b.Len()))
		q.cache.PutBatch(b)
		return 0
	}
	// A store to a page that the guest has taken away panics instead of ending the process.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			r.caught(v)
			n = 0
			q.counters.Add(txFault, uint64(b.Len()-q.dropped))
		}
		r.gate.Leave()
		q.cache.PutBatch(b)
	}()
	q.dropped, q.size, q.last = 0, 0, r
	n = q.send(r, b.Frames())
	if q.alone = n <= pmd.Few; q.alone {
		q.show(r)
	}
	q.counters.Add(pmd.TxPackets, uint64(n))
	q.counters.Add(pmd.TxBytes, uint64(q.size))
	return n
}

// send copies frames into the ring and returns how many. What becomes of the others is counted.
func (q *txQueue) send(r *ring, frames []frame.Frame) (sent int) {
	short := false // the chains taken last were too few for one packet
	for i := 0; i < len(frames); {
		want := virtq.MaxChains
		if !short {
			want = q.estimate(r, frames[i:])
		}
		if r.asks != nil {
			want = virtq.MaxChains // so that buffers' addresses are known before packets come to them
		}
		had, size := sent, q.size
		got, err := r.take(&r.chains, want)
		if got < want {
			r.look()
		}
		used := q.copyPlain(r, frames[i:], got)
		i += used
		sent += used
		for err == nil && i < len(frames) {
			var k int
			if k, err = q.put(r, frames[i], used, got); err != nil {
				break
			}
			if k == tooFew && got == want && (used > 0 || want < virtq.MaxChains) {
				short = used == 0
				break // there may be more chains
			}
			short = false
			if k > 0 {
				sent++
				used += k
			} else {
				q.drop(r, k)
			}
			i++
		}
		if err != nil { // what was copied since take is not given, either
			q.counters.Add(txFault, uint64(len(frames)-i+sent-had))
			q.size = size
			r.die(err)
			return had
		}
		r.give(&r.chains, used)
		if r.hidden += used; r.hidden >= showEvery {
			r.show()
		}
	}
	return sent
}

// estimate returns how many chains the frames take, or fewer.
func (q *txQueue) estimate(r *ring, frames []frame.Frame) int {
	n := len(frames)
	if !r.merge {
		return n
	}
	for _, f := range frames {
		if f.More() != 0 || f.Len() > r.room {
			n += q.pool.Total(f) / max(1, r.room)
		}
	}
	return min(n, virtq.MaxChains)
}

// Flush implements pmd.TxQueue.
func (q *txQueue) Flush() (pending bool) {
	r := q.last
	if r == nil {
		return false
	}
	q.last = nil
	if !r.gate.Enter() {
		return false // the session has shown the guest what it got
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			r.caught(v)
		}
		r.gate.Leave()
	}()
	q.show(r)
	if q.alone {
		r.ahead()
		r.examine()
	}
	return false
}

// show has the guest see what it got.
func (q *txQueue) show(r *ring) {
	if r.show() {
		q.counters.Add(txCalls, 1)
	}
}

// Counters implements pmd.TxQueue.
func (q *txQueue) Counters() *counter.Block { return q.counters }

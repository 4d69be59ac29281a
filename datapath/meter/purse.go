package meter

import "time"

// away is after how long a worker that has not asked gets no part of what a bucket gains.
const away = int64(10 * time.Millisecond)

// fullPacket is the length of an ordinary packet at its longest. Savings that do not reach for one are
// tokens nobody can use.
const fullPacket = 1518 // bytes

// A purse is where one worker gets a meter's tokens from.
type purse struct {
	c   *chunk
	i   uint32 // the meter's place in it
	row *row   // the worker's
	now int64  // ns
	one int64  // tokens for an ordinary packet
}

// take takes what the worker has saved of a band, and of the heap what is missing then for need, as far as
// it goes. giveBack returns what was not needed.
func (p *purse) take(band int, need int64) (own, common int64) {
	b := &p.c.buckets[p.i].bands[band]
	saved := &p.row.bands[band].saved
	if saved.Load()+b.heap.Load() < need {
		p.fill()
	}
	own = saved.Swap(0)
	for own < need {
		heap := b.heap.Load()
		common = min(heap, need-own)
		if common <= 0 {
			return own, 0
		}
		if b.heap.CompareAndSwap(heap, heap-common) {
			break
		}
	}
	return own, common
}

// giveBack returns left tokens, of which at most common came from the heap.
func (p *purse) giveBack(band int, left, common int64) {
	toHeap := min(left, common)
	if toHeap > 0 {
		p.c.buckets[p.i].bands[band].heap.Add(toHeap)
	}
	if left > toHeap {
		p.row.bands[band].saved.Add(left - toHeap)
	}
}

// fill deals out what the bucket has gained since it was done last. Whoever sets the time deals out the
// gain up to it: nothing is dealt out twice.
func (p *purse) fill() {
	b := &p.c.buckets[p.i]
	last := b.filled.Load()
	if p.now <= last || !b.filled.CompareAndSwap(last, p.now) {
		return
	}
	bands := int(b.state.Load() & stateBands)
	asking := p.asking(bands)
	for j := range bands {
		p.deal(j, p.now-last, asking)
	}
}

// asking returns the number of workers that want a part. What others have saved goes back to the heaps.
func (p *purse) asking(bands int) (n int64) {
	for at := int(p.i); at < len(p.c.rows); at += chunkSize {
		r := &p.c.rows[at]
		if p.now-r.asked.Load() < away {
			n++
			continue
		}
		for j := range bands {
			if r.bands[j].saved.Load() != 0 {
				p.c.buckets[p.i].bands[j].heap.Add(r.bands[j].saved.Swap(0))
			}
		}
	}
	return n
}

// deal gives each of the workers that are asking its part of what a band has gained in elapsed ns, as
// far as it may save it, and the rest to the heap.
func (p *purse) deal(band int, elapsed, asking int64) {
	b := &p.c.buckets[p.i].bands[band]
	limit := b.limit.Load()
	rate, room := int64(limit>>32), int64(limit&(1<<32-1))*tokensPerUnit
	if rate == 0 {
		return
	}
	gain := room // elapsed times rate, which may not fit 64 bits, if that is less
	if elapsed <= room/rate {
		gain = elapsed * rate
	}
	savings := room / 4 / asking
	if asking == 1 || savings < p.one {
		savings = 0
	}
	gain = min(gain, room-b.heap.Load()-p.saved(band))
	if gain <= 0 {
		return
	}
	part := gain / asking
	for at := int(p.i); at < len(p.c.rows); at += chunkSize {
		r := &p.c.rows[at]
		if p.now-r.asked.Load() >= away {
			continue
		}
		have := &r.bands[band].saved
		if give := min(part, gain, savings-have.Load()); give > 0 {
			have.Add(give)
			gain -= give
		}
	}
	b.heap.Add(gain)
}

// saved returns what all workers together have saved of a band.
func (p *purse) saved(band int) (sum int64) {
	for at := int(p.i); at < len(p.c.rows); at += chunkSize {
		sum += p.c.rows[at].bands[band].saved.Load()
	}
	return sum
}

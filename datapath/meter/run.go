package meter

import "math/bits"

// MaxBatch is the most packets Run takes: a bit of its result for each.
const MaxBatch = 64

// Run takes packets of the given sizes, in bytes, at most MaxBatch, through the meter in a slot and
// returns a bit for each that exceeds it. A slot without a meter lets everything pass. worker is less
// than the number the store was made for; now is a monotonic time in ns, which may be as old as the last
// poll cycle.
func (s *Store) Run(worker int, slot uint32, now int64, sizes []uint32) (exceed uint64) {
	index := slot % MaxMeters
	c := s.chunks[index/chunkSize].Load()
	if c == nil {
		return 0
	}
	i := index % chunkSize
	shared := &c.buckets[i]
	state := shared.state.Load()
	if !named(state, slot) {
		return 0
	}
	if shared.filled.Load() == fresh {
		shared.filled.CompareAndSwap(fresh, now)
	}
	r := &c.rows[uint32(worker)*chunkSize+i]
	if r.asked.Load() < now {
		r.asked.Store(now)
	}
	v := verdict{}
	total := int64(0)
	for _, n := range sizes {
		total += int64(n)
	}
	r.packets.Add(uint64(len(sizes)))
	r.bytes.Add(uint64(total))
	b := charge{perByte: tokensPerByte, need: total * tokensPerByte}
	if state&statePackets != 0 {
		b = charge{perPacket: tokensPerPacket, need: int64(len(sizes)) * tokensPerPacket}
	}
	p := purse{c: c, i: i, row: r, now: now, one: b.of(fullPacket)}
	for b.band = range int(state & stateBands) {
		p.run(&b, sizes, &v)
	}
	for left := v.exceed; left != 0; left &= left - 1 {
		k := bits.TrailingZeros64(left)
		d := &r.bands[v.by[k]]
		d.packets.Add(1)
		d.bytes.Add(uint64(sizes[k]))
	}
	return v.exceed
}

// A verdict says which packets of a batch exceed the meter, by which band, and that band's rate.
type verdict struct {
	exceed uint64
	by     [MaxBatch]uint8
	rate   [MaxBatch]uint32
}

// hit notes that packet k exceeds a band. The highest rate exceeded counts.
func (v *verdict) hit(k, band int, rate uint32) {
	if v.exceed>>k&1 == 0 || rate > v.rate[k] {
		v.exceed |= 1 << k
		v.by[k], v.rate[k] = uint8(band), rate
	}
}

// A charge is what a band takes for a batch: so many tokens a byte, or a packet.
type charge struct {
	band               int
	perByte, perPacket int64
	need               int64 // for the whole batch
}

// of returns what a packet of size bytes costs.
func (b *charge) of(size uint32) int64 { return b.perPacket + int64(size)*b.perByte }

// run takes a batch through one band: all of it if there are tokens enough, otherwise packet by packet,
// as far as they go.
func (p *purse) run(b *charge, sizes []uint32, v *verdict) {
	own, common := p.take(b.band, b.need)
	left := own + common - b.need
	if left < 0 {
		rate := uint32(p.c.buckets[p.i].bands[b.band].limit.Load() >> 32)
		left = own + common
		for k, n := range sizes {
			cost := b.of(n)
			if cost > left {
				v.hit(k, b.band, rate)
				continue
			}
			left -= cost
		}
	}
	p.giveBack(b.band, left, common)
}

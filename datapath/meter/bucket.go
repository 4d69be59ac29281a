package meter

import (
	"math"
	"sync/atomic"
)

// tokensPerUnit is the size of a band's burst in tokens: bursts are in kbit or packets. Tokens are such
// that a rate gains one per unit and nanosecond: a millionth of a bit, or a billionth of a packet.
const (
	tokensPerUnit   = 1e9 // a kbit of 1e3 bits, 1e6 tokens each; a packet
	tokensPerByte   = 8e6
	tokensPerPacket = 1e9
)

// A bucket is what the workers share of one meter. Everybody writes it.
type bucket struct {
	state  atomic.Uint64 // what the meter is: see the constants below; written by the Store
	filled atomic.Int64  // ns: what was gained until then has been dealt out; fresh: nobody came yet
	bands  [MaxBands]band
}

// Parts of bucket.state.
const (
	stateBands   = 0xff   // number of bands
	statePackets = 1 << 8 // Meter.Packets
	stateLive    = 1 << 9 // there is a meter
	stateLife    = 32     // shift: which life of the slot this is, as in the slots given out
)

// fresh is bucket.filled of a meter whose time has not begun: the store has no clock.
const fresh = math.MinInt64

// A band is one band's rate and its common heap of tokens.
type band struct {
	limit atomic.Uint64 // rate<<32 | burst; written by the Store
	heap  atomic.Int64
}

// A row is what one worker has of one meter.
type row struct {
	asked   atomic.Int64  // ns: when it came last, long ago at first; written by the worker
	packets atomic.Uint64 // these two as well
	bytes   atomic.Uint64
	bands   [MaxBands]rowBand
	_       [40]byte // rows of different workers share no cache line
}

// A rowBand is a worker's share of one band.
type rowBand struct {
	saved   atomic.Int64  // tokens; written by everybody: see deal
	packets atomic.Uint64 // dropped; written by the worker
	bytes   atomic.Uint64
}

// chunkSize is how many meters come into memory together. A chunk has 64 KiB, half of it rows, for the
// first two workers and 16 KiB for each further one.
const chunkSize = 64

// A chunk holds meters without pointers to any of them.
type chunk struct {
	buckets [chunkSize]bucket
	rows    []row             // worker w's of meter i: w*chunkSize + i
	base    [chunkSize]counts // the Store's: what the rows had counted when the meter was added
}

// newChunk returns a chunk to which no worker has come yet.
func newChunk(workers int) *chunk {
	c := &chunk{rows: make([]row, workers*chunkSize)}
	for i := range c.rows {
		c.rows[i].asked.Store(math.MinInt64 / 2)
	}
	return c
}

// counts sums a meter's rows up.
type counts struct {
	packets, bytes uint64
	bands          [MaxBands]BandStats
}

// sum returns what the rows of meter i have counted.
func (c *chunk) sum(i uint32) (sum counts) {
	for at := int(i); at < len(c.rows); at += chunkSize {
		r := &c.rows[at]
		sum.packets += r.packets.Load()
		sum.bytes += r.bytes.Load()
		for b := range r.bands {
			sum.bands[b].Packets += r.bands[b].packets.Load()
			sum.bands[b].Bytes += r.bands[b].bytes.Load()
		}
	}
	return sum
}

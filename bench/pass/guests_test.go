package pass

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

const flows = 1024

// guests are both guests: they send packets that are in their memory already, and free what arrives.
type guests struct {
	ends  [2]end
	batch frame.Batch
	got   int
}

// An end is one of them.
type end struct {
	rx    pmd.RxQueue
	tx    pmd.TxQueue
	cache *frame.Cache
	pool  *frame.Pool
	size  int
	next  uint32 // flow
}

func (r *rig) guests(b *testing.B, size int) *guests {
	b.Helper()
	g := new(guests)
	for i, p := range r.ends {
		pool := r.memory[i]
		c, err := pool.NewCache()
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.Close)
		g.ends[i] = end{rx: p.RxQueues()[0], tx: p.TxQueues()[0], cache: c, pool: pool, size: size}
	}
	return g
}

// turn has both guests send a batch, and take what there is.
func (g *guests) turn() {
	for i := range g.ends {
		e := &g.ends[i]
		e.fill(&g.batch)
		e.tx.Send(&g.batch)
		e.tx.Flush()
		for e.rx.Recv(&g.batch) > 0 {
			g.got += g.batch.Len()
			e.cache.PutBatch(&g.batch)
		}
	}
}

// packet is a UDP packet as its headers say.
var packet = [42]byte{
	2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
	0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 1, 0, 0,
	3, 232, 0, 9, 0, 26, 0, 0,
}

// fill makes a batch of packets of the next flows.
func (e *end) fill(b *frame.Batch) {
	e.cache.Fill(b, frame.MaxBatch)
	for i := range b.Frames() {
		f := &b.Frames()[i]
		e.pool.SetLen(f, e.size)
		p := e.pool.Bytes(*f)
		copy(p, packet[:])
		binary.BigEndian.PutUint16(p[32:], uint16(e.next%flows))
		e.next++
	}
}

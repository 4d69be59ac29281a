package frontend

import (
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// BenchmarkRoundTrip is what a port costs by itself: packets are received and sent back, by one goroutine that is the back
// end as well and copies nothing. Half of the time, or more, is the back end's.
func BenchmarkRoundTrip(b *testing.B) {
	for _, split := range []bool{true, false} {
		b.Run(fmt.Sprintf("split=%v/batch-%d/64B", split, frame.MaxBatch), func(b *testing.B) {
			pool, err := frame.NewPool(frame.Options{Buffers: 8192, Huge: frame.HugeNever})
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			p := openPort(b, Options{Split: split, RingSize: 1024, Pool: pool})
			back := connectTo(b, p.o.Path).begin()
			linked(b, p, true)
			var batch frame.Batch
			var chains virtq.Chains
			p.rx[0].Recv(&batch) // posts buffers
			b.ReportAllocs()
			for b.Loop() {
				back.fill(&chains)
				if p.rx[0].Recv(&batch) != frame.MaxBatch {
					b.Fatal("packets are missing")
				}
				p.tx[0].Send(&batch)
				p.tx[0].Flush()
				back.empty(&chains)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frame.MaxBatch), "ns/pkt")
			p.Close()
		})
	}
}

// fill gives back a batch of buffers of ring 0 as if a packet had been written to each.
func (b *backend) fill(chains *virtq.Chains) {
	n, err := b.rings[0].Take(chains, frame.MaxBatch)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range n {
		c := chains.At(i)
		nethdr.Put((*[nethdr.Size]byte)(chains.Writable(c)[0]), nil, 1)
		c.Written = 60 + nethdr.Size
	}
	b.rings[0].Give(chains, n)
	b.rings[0].Publish()
}

// empty gives back all of ring 1.
func (b *backend) empty(chains *virtq.Chains) {
	n, err := b.rings[1].Take(chains, virtq.MaxChains)
	if err != nil {
		b.t.Fatal(err)
	}
	b.rings[1].Give(chains, n)
	b.rings[1].Publish()
}

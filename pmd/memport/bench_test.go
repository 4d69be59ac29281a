package memport

import (
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// roundTrip sends b from the peer to the port and back.
func roundTrip(port *Port, peer *Peer, b *frame.Batch) {
	peer.Send(b)
	port.RxQueues()[0].Recv(b)
	tx := port.TxQueues()[0]
	tx.Send(b)
	tx.Flush()
	peer.Recv(b)
}

func TestRoundTripAllocatesNothing(t *testing.T) {
	pool := newPool(t, 256)
	port, peer := openPort(t, Options{Pool: pool})
	b := new(frame.Batch)
	fill(t, pool, b, frame.MaxBatch)
	if n := testing.AllocsPerRun(100, func() { roundTrip(port, peer, b) }); n != 0 {
		t.Errorf("%v allocations per round trip", n)
	}
	woken := func() {
		port.RxQueues()[0].Arm()
		roundTrip(port, peer, b)
	}
	if n := testing.AllocsPerRun(100, woken); n != 0 {
		t.Errorf("%v allocations per round trip with a wake-up", n)
	}
	peer.Free(b)
}

// BenchmarkRoundTrip is what a memory port itself costs a benchmark of the switch: peer to port to
// peer, from one goroutine, all lines in its core's cache.
func BenchmarkRoundTrip(b *testing.B) {
	for _, n := range []int{1, 32, frame.MaxBatch} {
		b.Run(fmt.Sprintf("batch-%d/64B", n), func(b *testing.B) {
			pool := newPool(b, 256)
			port, peer := openPort(b, Options{Pool: pool})
			batch := new(frame.Batch)
			fill(b, pool, batch, n)
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(port, peer, batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/pkt")
			peer.Free(batch)
		})
	}
}

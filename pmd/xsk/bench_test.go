package xsk

import (
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// BenchmarkRecv is the driver's share of receiving from a busy device: 64 small packets, or 64 jumbo
// ones in 6 buffers each, stand in the ring at each poll. The kernel's share is left out of the time.
func BenchmarkRecv(bb *testing.B) {
	for _, size := range []int{60, 9014} {
		bb.Run(fmt.Sprintf("%dB", size), func(bb *testing.B) {
			b := newQuietBench(bb)
			p := pattern(size, 1)
			bb.ReportAllocs()
			for bb.Loop() {
				bb.StopTimer()
				for range frame.MaxBatch {
					if !b.kernel.Deliver(p) {
						bb.Fatal("no room")
					}
				}
				bb.StartTimer()
				if b.rx.Recv(&b.batch) != frame.MaxBatch {
					bb.Fatal("packets missing")
				}
				b.rx.cache.PutBatch(&b.batch)
			}
			perPacket(bb)
		})
	}
}

// BenchmarkSend is the driver's share of sending 64 small packets per poll and taking their buffers
// back; the system call is left out.
func BenchmarkSend(bb *testing.B) {
	b := newQuietBench(bb)
	b.txWake = func() unix.Errno { return 0 }
	bb.ReportAllocs()
	for bb.Loop() {
		b.tx.cache.Fill(&b.batch, frame.MaxBatch)
		fs := b.batch.Frames()
		for i := range fs {
			b.pool.SetLen(&fs[i], 60)
		}
		if b.tx.Send(&b.batch) != frame.MaxBatch {
			bb.Fatal("packets refused")
		}
		b.tx.Flush()
		bb.StopTimer()
		b.kernel.Discard()
		bb.StartTimer()
	}
	perPacket(bb)
}

// BenchmarkRecvEmpty is what polling an idle queue costs.
func BenchmarkRecvEmpty(bb *testing.B) {
	b := newQuietBench(bb)
	bb.ReportAllocs()
	for bb.Loop() {
		b.rx.Recv(&b.batch)
	}
}

func perPacket(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frame.MaxBatch, "ns/pkt")
}

// BenchmarkHeld is what the record of buffers with the kernel costs a packet: set when its buffer goes
// into the fill ring, looked up and cleared when it comes back, in the order buffers come in.
func BenchmarkHeld(bb *testing.B) {
	s := newBitset(16384)
	bad := 0
	for bb.Loop() {
		for i := range uint32(frame.MaxBatch) {
			s.set(i * 2897 % 16384)
		}
		for i := range uint32(frame.MaxBatch) {
			if !s.has(i * 2897 % 16384) {
				bad++
			}
			s.clear(i * 2897 % 16384)
		}
	}
	if bad != 0 {
		bb.Fatal("bits lost")
	}
	perPacket(bb)
}

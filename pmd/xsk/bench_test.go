package xsk

import (
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// BenchmarkRecv is receiving from a busy device: 64 small packets stand in the ring at each poll, and
// their buffers are freed. The time includes the rings' other side, without the copy that the kernel
// makes.
func BenchmarkRecv(bb *testing.B) {
	b := newQuietBench(bb)
	bb.ReportAllocs()
	for bb.Loop() {
		b.kernel.DeliverAny(frame.MaxBatch, 60)
		if b.rx.Recv(&b.batch) != frame.MaxBatch {
			bb.Fatal("packets missing")
		}
		b.rx.cache.PutBatch(&b.batch)
	}
	perPacket(bb)
}

// BenchmarkForward is the driver's share of forwarding 64 small packets from one port to another: what
// was received is sent, and the buffers come back. The time includes the rings' other sides; the
// system call is left out.
func BenchmarkForward(bb *testing.B) {
	b := newQuietBench(bb)
	b.txWake = func() unix.Errno { b.kernel.Discard(); return 0 }
	bb.ReportAllocs()
	for bb.Loop() {
		b.kernel.DeliverAny(frame.MaxBatch, 60)
		b.rx.Recv(&b.batch)
		if b.tx.Send(&b.batch) != frame.MaxBatch {
			bb.Fatal("packets refused")
		}
		b.tx.Flush()
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

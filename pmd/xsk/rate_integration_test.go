//go:build integration

package xsk

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// rateOptions are the settings compared below.
func rateOptions() []map[string]string {
	return []map[string]string{
		{},
		{OptNeedWakeup: "off"},
		{OptBusyPoll: "20us"},
		{OptRingSize: "512"},
		{OptRingSize: "4096"},
		{OptMultiBuffer: "off"},
		{OptMode: "generic"},
	}
}

// BenchmarkVethForward is a switch's simplest work over real AF_XDP: a generator's 60-byte frames come
// in by one veth pair and leave by another, and are counted at its other end. Generator and sink are
// ports of this package too, driven by the same goroutine in turn, so that one core does it all: the
// time is that of a frame's whole way, nearly all of it the kernel's.
//
//	go test -tags integration -run xxx -bench Veth -benchtime 2s ./pmd/xsk
func BenchmarkVethForward(b *testing.B) {
	for _, o := range rateOptions() {
		b.Run(fmt.Sprint(o), func(b *testing.B) {
			w := newWorld(b, pair{}, pair{})
			pool, err := frame.NewPool(frame.Options{Buffers: 65536})
			must(b, err)
			b.Cleanup(func() { must(b, pool.Close()) })
			in, out := open(b, pool, w.hosts[0].port, o), open(b, pool, w.hosts[1].port, o)
			gen, sink := w.hosts[0].port2(b, pool), w.hosts[1].port2(b, pool)
			r := &rig{pool: pool, gen: gen, in: in, out: out, sink: sink, want: testFrame(60, 0)}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				r.cycle()
			}
			r.settle()
			b.StopTimer()
			ns := float64(b.Elapsed().Nanoseconds())
			b.ReportMetric(ns/float64(max(1, r.received)), "ns/pkt")
			b.ReportMetric(100*float64(max(0, r.sent-r.received))/float64(max(1, r.sent)), "%lost")
		})
	}
}

// BenchmarkVethTCP is one TCP connection between two hosts through two ports, with a forwarder that only
// finishes checksums, on a core of its own.
func BenchmarkVethTCP(b *testing.B) {
	for _, o := range rateOptions() {
		if o[OptMode] == "generic" {
			continue // it needs a forwarder that segments
		}
		b.Run(fmt.Sprint(o), func(b *testing.B) {
			w := newWorld(b, pair{}, pair{})
			pool, err := frame.NewPool(frame.Options{Buffers: 65536})
			must(b, err)
			b.Cleanup(func() { must(b, pool.Close()) })
			in, out := open(b, pool, w.hosts[0].port, o), open(b, pool, w.hosts[1].port, o)
			var seen arrivals
			f := startForwarder(in, out, seen.watch(pool, 1500))
			defer f.close()
			const size = 32 << 20
			b.SetBytes(size)
			for b.Loop() {
				if got := w.transfer(b, size, 20*time.Second); got != size {
					b.Fatalf("%d of %d bytes arrived", got, size)
				}
			}
		})
	}
}

// port2 opens the host's end of the pair.
func (h *host) port2(b *testing.B, pool *frame.Pool) *Port {
	var p pmd.Port
	var err error
	h.on(func() { p, err = New(pool, slog.New(slog.DiscardHandler)).Open(context.Background(), "e0", nil) })
	must(b, err)
	b.Cleanup(func() { must(b, p.Close()) })
	return p.(*Port)
}

// A rig is generator, switch and sink in a row.
type rig struct {
	pool               *frame.Pool
	gen, in, out, sink *Port
	want               []byte
	batch              frame.Batch
	sent, received     int
}

// cycle sends one batch and moves what has arrived anywhere.
func (r *rig) cycle() {
	tx := r.gen.queues[0].tx
	tx.cache.Fill(&r.batch, frame.MaxBatch)
	fs := r.batch.Frames()
	for i := range fs {
		r.pool.SetLen(&fs[i], len(r.want))
		copy(r.pool.Bytes(fs[i]), r.want)
	}
	r.sent += tx.Send(&r.batch)
	tx.Flush()
	r.move()
}

func (r *rig) move() (idle bool) {
	idle = true
	for r.in.queues[0].rx.Recv(&r.batch) > 0 {
		idle = false
		r.out.queues[0].tx.Send(&r.batch)
	}
	r.out.queues[0].tx.Flush()
	for {
		n := r.sink.queues[0].rx.Recv(&r.batch)
		if n == 0 {
			return idle
		}
		idle = false
		r.received += n
		r.sink.queues[0].rx.cache.PutBatch(&r.batch)
	}
}

// settle waits for what is still on its way.
func (r *rig) settle() {
	for end := time.Now().Add(50 * time.Millisecond); r.received < r.sent && time.Now().Before(end); {
		r.move()
	}
}

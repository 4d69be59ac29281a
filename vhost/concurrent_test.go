package vhost

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// TestNothingIsLostWhileTheGuestsMemoryChanges has a worker send packets round, while the frontend replaces the
// memory, adds to it, turns logging on and off, and stops the rings and starts them again.
func TestNothingIsLostWhileTheGuestsMemoryChanges(t *testing.T) {
	for name, s := range map[string]shape{"split": {features: common}, "packed": {features: common | proto.RingPacked}} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			round := b.goRound()
			rounds := 60
			if testing.Short() {
				rounds = 20
			}
			for i := range rounds {
				before := round.back.Load()
				b.disturb(i)
				eventually(t, "packets go round again", func() bool { return round.back.Load() > before })
			}
			round.stop()
			b.want("sessions", 1)
			b.want("migrations", uint64(rounds+1)/7)
		})
	}
}

// pause leaves a CPU to the session and its frontend, which those who go round would have for themselves.
const pause = 20 * time.Microsecond

// A round is numbered packets on their way from the guest to the port and back, all the time.
type round struct {
	b       *bench
	ends    atomic.Bool
	back    atomic.Uint32 // how many have come back
	workers sync.WaitGroup
}

func (b *bench) goRound() *round {
	r := &round{b: b}
	r.workers.Go(func() { // sends back what comes, as soon as there is room
		var batch frame.Batch
		for !r.ends.Load() {
			if b.p.rx[0].Recv(&batch) == 0 {
				time.Sleep(pause)
			}
			for batch.Len() > 0 && !r.ends.Load() {
				dup := b.copies(&batch)
				sent := b.p.tx[0].Send(&dup)
				b.p.tx[0].Flush()
				if b.forget(&batch, sent); sent == 0 {
					time.Sleep(pause)
				}
			}
		}
		b.tx.PutBatch(&batch)
	})
	r.workers.Go(func() { roundTrips(b.g, &r.back, &r.ends) })
	return r
}

// stop ends it, and looks at what the port has made of the rings.
func (r *round) stop() {
	r.b.t.Helper()
	r.ends.Store(true)
	r.workers.Wait()
	for _, ring := range r.b.g.rings {
		if err := ring.Err(); err != nil {
			r.b.t.Error(err)
		}
	}
}

// copies returns copies of what is in batch: what is not taken stays with the caller.
func (b *bench) copies(batch *frame.Batch) (dup frame.Batch) {
	for _, f := range batch.Frames() {
		g, ok := b.tx.Copy(f)
		if !ok {
			b.t.Error("the arena is exhausted")
			break
		}
		dup.Append(g)
	}
	return dup
}

// forget frees the first n frames of batch.
func (b *bench) forget(batch *frame.Batch, n int) {
	rest := append([]frame.Frame(nil), batch.Frames()[n:]...)
	for _, f := range batch.Frames()[:n] {
		b.tx.Put(f)
	}
	batch.Reset()
	batch.AppendAll(rest)
}

// roundTrips sends numbered packets, and checks that they come back in order, all of them, until stop. It counts
// those that came back.
func roundTrips(g *guest, count *atomic.Uint32, stop *atomic.Bool) {
	next, back := uint32(0), uint32(0)
	tx, rx := g.rings[1], g.rings[0]
	for !stop.Load() {
		if rx.Free() > 128 {
			slot, buf, _ := g.buffer(2048)
			rx.Add(slot, nil, []driver.Buffer{buf})
			rx.Publish()
		}
		g.reap(tx)
		if next-back < 64 && tx.Free() > 0 {
			_, buf, mem := g.buffer(g.header + 60)
			clear(mem[:g.header])
			binary.BigEndian.PutUint32(mem[g.header+14:], next)
			if tx.Add(0, []driver.Buffer{buf}, nil) {
				tx.Publish()
				next++
			}
		}
		got := g.receive(0)
		if len(got) == 0 {
			time.Sleep(pause)
		}
		for _, p := range got {
			if n := binary.BigEndian.Uint32(p.data[14:]); n != back {
				g.t.Errorf("packet %d came back, want %d", n, back)
				back = n
			}
			back++
			count.Store(back)
		}
	}
}

// disturb changes something about the guest, the i'th of several things.
func (b *bench) disturb(i int) {
	b.t.Helper()
	g := b.g
	extra := proto.Region{Guest: 1 << 40, User: 1 << 45, Size: 4096}
	switch i % 7 {
	case 0:
		g.tell(proto.SetMemTable, proto.MemTable{g.region()}, int(g.file.Fd()))
	case 1:
		g.tell(proto.AddMemReg, extra, int(g.file.Fd()))
	case 2:
		g.tell(proto.RemMemReg, extra)
	case 3:
		for ring := range g.rings {
			base := b.base(ring)
			g.startRing(ring, base)
		}
	case 4:
		for ring := range g.rings {
			g.tell(proto.SetVringCall, proto.VringFile{Index: uint8(ring)}, g.rings[ring].call)
			g.tell(proto.SetVringAddr, g.address(ring))
		}
	case 5:
		g.startLog()
	case 6:
		g.setLogging(false)
	}
}

// TestWorkersShareTheRingsThatThereAre has more workers than the guest has rings.
func TestWorkersShareTheRingsThatThereAre(t *testing.T) {
	b := newBench(t, shape{features: common, size: 1024}, func(o *Options) { o.Queues = 4 })
	b.g.connect()
	b.up()
	const each = 200
	b.g.offer(0, 4*each, 256)
	var workers sync.WaitGroup
	for _, q := range b.p.tx {
		workers.Go(func() {
			var batch frame.Batch
			for n := range each {
				f, ok := q.cache.FromBytes(number(n, 60))
				if !ok {
					t.Error("the arena is exhausted")
					return
				}
				batch.Append(f)
				q.Send(&batch)
				if n%7 == 0 {
					q.Flush()
				}
			}
			q.Flush()
		})
	}
	workers.Wait()
	got := 0
	for n := 1; n > 0; {
		n = len(b.g.receive(0))
		got += n
	}
	if got != 4*each {
		t.Errorf("the guest got %d packets, want %d", got, 4*each)
	}
	b.want("tx_packets", 4*each)
}

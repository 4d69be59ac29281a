package vhost

import (
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// loaded returns a port whose guest has sent so much that packets gather in its ring, and the port's clock in ns.
func loaded(t *testing.T, s shape, inflight bool) (b *bench, now *atomic.Int64) {
	t.Helper()
	now = new(atomic.Int64)
	s.size = 1024
	b = newBench(t, s, func(o *Options) { o.Clock, o.Gather = cpu.NewManualClock(now.Load), 10_000 })
	b.g.connect()
	b.up()
	if inflight {
		layout, fd := b.g.askInflight()
		b.g.tell(proto.SetInflightFD, layout, fd)
		unix.Close(fd)
		b.up()
	}
	for sent, got := 0, 0; sent < 800 || got < sent; sent += 20 {
		now.Add(1000)
		b.transmit(20)
		for n := b.poll(0); n > 0; n = b.poll(0) {
			got += n
		}
	}
	if b.g.reap(b.g.rings[1]); !b.p.rx[0].gather.on {
		t.Fatal("20 packets a microsecond are no load")
	}
	return b, now
}

// transmit has the guest send n packets.
func (b *bench) transmit(n int) {
	b.t.Helper()
	packets := make([][]byte, n)
	for i := range packets {
		packets[i] = number(i, 60)
	}
	b.g.send(0, nil, packets...)
}

// A switch may be killed at any time. What its successor takes once more is what the guest had not got back: so where packets
// must not be sent twice the guest gets their buffers back before they leave, under load as well.
func TestWhereBuffersInFlightAreNotedNoPacketLeavesBeforeItsBufferIsBack(t *testing.T) {
	for name, f := range map[string]proto.Features{
		"split": common, "split, in order": common | proto.InOrder,
		"packed": common | proto.RingPacked, "packed, in order": common | proto.RingPacked | proto.InOrder,
	} {
		t.Run(name, func(t *testing.T) {
			b, now := loaded(t, shape{features: f}, true)
			b.transmit(300)
			now.Add(10_001)
			done := make([]driver.Done, 1024)
			for taken, back := 0, 0; taken < 300; {
				n := b.poll(0)
				if n == 0 {
					now.Add(10_001)
				}
				taken += n
				if back += b.g.rings[1].Reap(done); back != taken {
					t.Fatalf("%d packets have left, and %d buffers are back", taken, back)
				}
			}
		})
	}
}

// Elsewhere buffers go back by 256 under load: as many packets come twice at most, less the batch that shows the others.
func TestUnderLoadFewerThan256PacketsLeaveBeforeTheirBuffersAreBack(t *testing.T) {
	for name, f := range map[string]proto.Features{"split": common, "packed": common | proto.RingPacked} {
		t.Run(name, func(t *testing.T) {
			b, now := loaded(t, shape{features: f}, false)
			b.transmit(1000)
			now.Add(10_001)
			done := make([]driver.Done, 1024)
			most := 0
			for taken, back := 0, 0; taken < 1000; {
				n := b.poll(0)
				if n == 0 {
					now.Add(10_001)
				}
				taken += n
				back += b.g.rings[1].Reap(done)
				most = max(most, taken-back)
			}
			if most != showEvery-frame.MaxBatch {
				t.Errorf("at most %d packets have left before their buffers were back, want %d", most, showEvery-frame.MaxBatch)
			}
		})
	}
}

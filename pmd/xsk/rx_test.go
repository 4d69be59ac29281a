package xsk

import (
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

func TestRecvGivesWhatTheKernelDelivered(t *testing.T) {
	for _, start := range []uint32{0, 1<<32 - 5} {
		t.Run(fmt.Sprintf("indices from %d", start), func(t *testing.T) {
			b := newBench(t, 1024, 64, start)
			for i, n := range []int{1, 14, 60, 1514, 1663, 1664, 1665, 3328, 3329, 9014} {
				want := pattern(n, uint32(i))
				if !b.kernel.Deliver(want) {
					t.Fatalf("the kernel had no room for %d bytes", n)
				}
				if got := b.recv(); !equal(got, want) {
					t.Errorf("%d bytes came out as %d packets or changed", n, len(got))
				}
			}
			if got, want := value(b.rx.counters, pmd.RxPackets), uint64(10); got != want {
				t.Errorf("rx_packets = %d, want %d", got, want)
			}
			if got, want := value(b.rx.counters, pmd.RxBytes), uint64(1+14+60+1514+1663+1664+1665+3328+3329+9014); got != want {
				t.Errorf("rx_bytes = %d, want %d", got, want)
			}
		})
	}
}

func TestRecvLeavesHeadroomForOuterHeaders(t *testing.T) {
	b := newBench(t, 256, 64, 0)
	b.kernel.Deliver(pattern(60, 1))
	b.rx.Recv(&b.batch)
	if got, want := b.pool.Headroom(b.batch.Frames()[0]), frame.Headroom; got != want {
		t.Errorf("headroom %d bytes, want %d", got, want)
	}
	b.rx.cache.PutBatch(&b.batch)
}

func TestRecvFillsABatchAndLeavesTheRest(t *testing.T) {
	b := newBench(t, 1024, 256, 0)
	for i := range uint32(frame.MaxBatch + 3) {
		b.kernel.Deliver(pattern(60, i))
	}
	if got, want := len(b.recv()), frame.MaxBatch; got != want {
		t.Errorf("first Recv gave %d, want %d", got, want)
	}
	if got, want := len(b.recv()), 3; got != want {
		t.Errorf("second Recv gave %d, want %d", got, want)
	}
	if got := b.rx.Recv(&b.batch); got != 0 {
		t.Errorf("Recv on an empty ring gave %d", got)
	}
}

func TestAPacketWhosePartsArriveInTwoRecvsIsOnePacket(t *testing.T) {
	b := newBench(t, 256, 64, 0)
	var descs []unix.XDPDesc
	for i := range 3 {
		addr, _ := b.kernel.Take()
		d := unix.XDPDesc{Addr: addr + frame.Headroom, Len: 100, Options: unix.XDP_PKT_CONTD}
		if i == 2 {
			d.Options = 0
		}
		copy(b.pool.Memory()[d.Addr:], pattern(100, uint32(i)))
		descs = append(descs, d)
	}
	b.kernel.Push(descs[0])
	b.kernel.Push(descs[1])
	if got := b.recv(); len(got) != 0 {
		t.Fatalf("half a packet came out as %d", len(got))
	}
	b.kernel.Push(descs[2])
	want := append(append(pattern(100, 0), pattern(100, 1)...), pattern(100, 2)...)
	if got := b.recv(); !equal(got, want) {
		t.Errorf("got %d packets, want the one of three parts", len(got))
	}
}

// hostile descriptors and what becomes of the packet and the buffer. addr starts as that of a buffer
// the kernel has.
func TestADescriptorTheKernelMadeUpIsACountedDrop(t *testing.T) {
	const size = 2048
	for _, c := range []struct {
		name   string
		change func(b *bench, d *unix.XDPDesc)
	}{
		{"beyond the arena", func(b *bench, d *unix.XDPDesc) { d.Addr = uint64(len(b.pool.Memory())) }},
		{"at the end of the address space", func(b *bench, d *unix.XDPDesc) { d.Addr = 1<<64 - 1 }},
		{"longer than its buffer", func(b *bench, d *unix.XDPDesc) { d.Len = size - frame.Headroom + 1 }},
		{"of the largest length", func(b *bench, d *unix.XDPDesc) { d.Len = 1<<32 - 1 }},
		{"of no length", func(b *bench, d *unix.XDPDesc) { d.Len = 0 }},
		{"in a buffer that was never the kernel's", func(b *bench, d *unix.XDPDesc) { d.Addr = uint64(len(b.pool.Memory()) - 1000) }},
	} {
		t.Run("a descriptor "+c.name, func(t *testing.T) {
			b := newBench(t, 256, 64, 0)
			addr, _ := b.kernel.Take()
			d := unix.XDPDesc{Addr: addr + frame.Headroom, Len: 60}
			c.change(b, &d)
			b.kernel.Push(d)
			b.kernel.Deliver(pattern(60, 7))
			if got := b.recv(); !equal(got, pattern(60, 7)) {
				t.Errorf("got %d packets, want only the good one", len(got))
			}
			if got := value(b.rx.counters, rxBadDescriptor); got != 1 {
				t.Errorf("rx_bad_descriptor = %d, want 1", got)
			}
		})
	}
	t.Run("a descriptor that comes twice gives its buffer once", func(t *testing.T) {
		b := newBench(t, 256, 64, 0)
		addr, _ := b.kernel.Take()
		d := unix.XDPDesc{Addr: addr + frame.Headroom, Len: 60}
		b.kernel.Push(d)
		b.kernel.Push(d)
		if got := len(b.recv()); got != 1 {
			t.Errorf("got %d packets, want 1", got)
		}
	})
	t.Run("in the middle of a chain it takes the whole packet", func(t *testing.T) {
		b := newBench(t, 256, 64, 0)
		for i := range 4 {
			addr, _ := b.kernel.Take()
			d := unix.XDPDesc{Addr: addr + frame.Headroom, Len: 60, Options: unix.XDP_PKT_CONTD}
			if i == 1 {
				d.Addr = 1 << 40
			}
			if i == 3 {
				d.Options = 0
			}
			b.kernel.Push(d)
		}
		b.kernel.Deliver(pattern(60, 7))
		if got := b.recv(); !equal(got, pattern(60, 7)) {
			t.Errorf("got %d packets, want only the good one", len(got))
		}
	})
}

func TestAPacketInMoreBuffersThanAChainTakesIsDropped(t *testing.T) {
	b := newBench(t, 512, 128, 0)
	b.kernel.Deliver(pattern((frame.MaxChain+2)*b.pool.Room(), 1))
	b.kernel.Deliver(pattern(60, 2))
	if got := b.recv(); !equal(got, pattern(60, 2)) {
		t.Errorf("got %d packets, want only the second", len(got))
	}
	if got := value(b.rx.counters, rxTooLong); got != 1 {
		t.Errorf("rx_too_long = %d, want 1", got)
	}
}

func TestTheKernelHoldsARingOfBuffersAtMost(t *testing.T) {
	b := newBench(t, 1024, 64, 0)
	if got := b.kernel.Filled(); got != 64 {
		t.Fatalf("fill ring starts with %d buffers, want 64", got)
	}
	for i := range uint32(64) {
		if !b.kernel.Deliver(pattern(60, i)) {
			t.Fatalf("packet %d found no buffer", i)
		}
	}
	b.rx.refill()
	if got := b.kernel.Filled(); got != 0 {
		t.Errorf("%d buffers more were given while 64 packets wait", got)
	}
	for len(b.recv()) > 0 {
	}
	if got := b.kernel.Filled(); got != 64 {
		t.Errorf("fill ring has %d buffers after all was received, want 64", got)
	}
}

func TestAnExhaustedArenaIsCountedAndRetried(t *testing.T) {
	b := newBench(t, 128, 64, 0)
	// Somebody else takes all that is left, and then all that is received.
	var taken []frame.Frame
	take := func() {
		for f, ok := b.tx.cache.Get(); ok; f, ok = b.tx.cache.Get() {
			taken = append(taken, f)
		}
	}
	take()
	for i := range uint32(64) {
		b.kernel.Deliver(pattern(60, i))
	}
	b.rx.Recv(&b.batch)
	if got := value(b.rx.counters, rxNoBuffer); got == 0 {
		t.Error("rx_no_buffer = 0: want it counted that the arena had nothing")
	}
	if !b.rx.Arm() {
		t.Error("a queue without buffers says it can sleep: nobody would wake it")
	}
	b.rx.cache.PutBatch(&b.batch)
	for _, f := range taken {
		b.tx.cache.Put(f)
	}
	if b.rx.Arm() {
		t.Error("a queue with buffers and nothing received says it is ready")
	}
	if got := b.kernel.Filled(); got != 64 {
		t.Errorf("fill ring has %d buffers after the arena recovered, want 64", got)
	}
}

func TestTheKernelIsCalledOnlyWhenItAsks(t *testing.T) {
	b := newBench(t, 256, 64, 0)
	b.recv()
	b.rx.Arm()
	if got := b.rxWake.Load(); got != 0 {
		t.Errorf("%d calls although the kernel did not ask", got)
	}
	b.kernel.NeedWakeup(true, false)
	b.recv()
	if got := b.rxWake.Load(); got != 1 {
		t.Errorf("%d calls after the kernel asked, want 1", got)
	}
	b.kernel.NeedWakeup(false, false)
	b.rx.busyPoll = true
	b.recv()
	if got := b.rxWake.Load(); got != 2 {
		t.Errorf("%d calls with busy-poll, want one more", got)
	}
}

func TestArmSeesWhatArrivedBeforeIt(t *testing.T) {
	b := newBench(t, 256, 64, 0)
	if b.rx.Arm() {
		t.Error("an empty queue is ready")
	}
	b.kernel.Deliver(pattern(60, 1))
	if !b.rx.Arm() {
		t.Error("a queue with a packet is not ready")
	}
}

func TestCloseTakesBackWhatTheKernelHoldsInNoRing(t *testing.T) {
	b := newBench(t, 256, 64, 0) // its cleanup is the test: no buffer may be missing
	for range 10 {
		b.kernel.Take()
	}
	b.kernel.Deliver(pattern(4000, 1))
	addr, _ := b.kernel.Take()
	b.kernel.Push(unix.XDPDesc{Addr: addr + frame.Headroom, Len: 60, Options: unix.XDP_PKT_CONTD})
	b.recv()
}

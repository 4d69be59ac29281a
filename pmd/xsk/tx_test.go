package xsk

import (
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

func TestSendShowsTheKernelTheFramesOwnBytes(t *testing.T) {
	for _, start := range []uint32{0, 1<<32 - 5} {
		t.Run(fmt.Sprintf("indices from %d", start), func(t *testing.T) {
			b := newBench(t, 1024, 64, start)
			for i, n := range []int{14, 60, 1514, 1664, 1665, 9014} {
				f, want := b.packet(n, uint32(i))
				if !b.send(f) {
					t.Fatalf("%d bytes were not accepted", n)
				}
				if got := b.kernel.Transmit(1); len(got) != 0 {
					t.Fatalf("%d bytes were visible before Flush", n)
				}
				b.tx.Flush()
				if got := b.kernel.Transmit(1); !equal(got, want) {
					t.Errorf("%d bytes came out as %d packets or changed", n, len(got))
				}
				b.kernel.Complete(64)
			}
			if b.kernel.InvalidTx != 0 {
				t.Errorf("the kernel would have refused %d descriptors", b.kernel.InvalidTx)
			}
			if got, want := value(b.tx.counters, pmd.TxBytes), uint64(14+60+1514+1664+1665+9014); got != want {
				t.Errorf("tx_bytes = %d, want %d", got, want)
			}
		})
	}
}

func TestSendRefuses(t *testing.T) {
	tagged := func(n, tags int) []byte {
		p := pattern(n, 1)
		for i := range tags {
			p[12+4*i], p[13+4*i] = 0x81, 0x00
		}
		p[12+4*tags], p[13+4*tags] = 0x08, 0x00
		return p
	}
	for _, c := range []struct {
		name   string
		p      []byte
		room   int // bytes per buffer; 0: all that fits
		reason int // 0: accepted
	}{
		{name: "nothing", p: nil, reason: txTooShort},
		{name: "less than an Ethernet header", p: tagged(20, 0)[:13], reason: txTooShort},
		{name: "an Ethernet header split over buffers", p: tagged(60, 0), room: 13, reason: txTooShort},
		{name: "the largest frame", p: tagged(9014, 0)},
		{name: "a byte more", p: tagged(9015, 0), reason: pmd.TxTooLong},
		{name: "the largest frame with a VLAN tag", p: tagged(9018, 1)},
		{name: "a byte more than that", p: tagged(9019, 1), reason: pmd.TxTooLong},
		{name: "the largest frame with two VLAN tags", p: tagged(9022, 2)},
		{name: "the largest frame with three", p: tagged(9026, 3), reason: pmd.TxTooLong},
		{name: "as many buffers as the kernel takes", p: tagged(17*20, 0), room: 20},
		{name: "one buffer more", p: tagged(18*20, 0), room: 20, reason: txFragmented},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 256, 64, 0)
			if c.room == 0 {
				c.room = b.pool.Room()
			}
			got := b.send(b.split(c.p, c.room))
			if want := c.reason == 0; got != want {
				t.Errorf("accepted %t, want %t", got, want)
			}
			if c.reason != 0 && value(b.tx.counters, c.reason) != 1 {
				t.Errorf("%s is not counted", b.tx.counters.Desc()[c.reason].Name)
			}
		})
	}
}

func TestAChainWithAnEmptyBufferIsRefused(t *testing.T) {
	b := newBench(t, 256, 64, 0)
	var c frame.Chain
	for _, n := range []int{60, 0, 60} {
		f, _ := b.tx.cache.Get()
		b.pool.SetLen(&f, n)
		c.Append(b.pool, f)
	}
	if b.send(c.Frame(b.pool)) {
		t.Error("accepted: the kernel would never give the empty buffer back")
	}
	if got := value(b.tx.counters, txTooShort); got != 1 {
		t.Errorf("tx_too_short = %d, want 1", got)
	}
}

func TestAFullRingDropsAndCounts(t *testing.T) {
	b := newBench(t, 512, 64, 0)
	for i := range uint32(63) {
		f, _ := b.packet(60, i)
		b.send(f)
	}
	long, _ := b.packet(4000, 1) // three buffers
	if b.send(long) {
		t.Error("a packet in three buffers was accepted with one slot left")
	}
	f, _ := b.packet(60, 63)
	if !b.send(f) {
		t.Error("the last slot was not used")
	}
	f, _ = b.packet(60, 64)
	if b.send(f) {
		t.Error("a packet was accepted into a full ring")
	}
	if got := value(b.tx.counters, pmd.TxFull); got != 2 {
		t.Errorf("tx_full = %d, want 2", got)
	}
	b.tx.Flush()
	b.kernel.Transmit(64)
	f, _ = b.packet(60, 65)
	if !b.send(f) {
		t.Error("a packet was not accepted although the kernel has emptied the ring")
	}
}

func TestRoomIsCountedInBuffersNotPackets(t *testing.T) {
	b := newBench(t, 512, 64, 0)
	for round := range uint32(50) {
		for i := range uint32(20) {
			f, _ := b.packet(4000, i) // 60 of 64 slots
			b.batch.Append(f)
		}
		if got := b.tx.Send(&b.batch); got != 20 {
			t.Fatalf("round %d: %d of 20 packets accepted into an empty ring", round, got)
		}
		b.tx.Flush()
		b.kernel.Discard()
	}
}

func TestSendWithoutCarrierDrops(t *testing.T) {
	b := newBench(t, 256, 64, 0)
	b.up.Store(false)
	f, _ := b.packet(60, 0)
	if b.send(f) {
		t.Error("accepted")
	}
	if got := value(b.tx.counters, txLinkDown); got != 1 {
		t.Errorf("tx_link_down = %d, want 1", got)
	}
}

func TestFlushWhenTheKernel(t *testing.T) {
	for _, c := range []struct {
		name    string
		flag    bool // the kernel's need-wakeup flag
		wakeup  bool // bound with need-wakeup
		results []unix.Errno
		sends   []int // packets taken by each call
		kicks   int
		pending bool
	}{
		{name: "takes all", results: []unix.Errno{0}, sends: []int{10}, kicks: 1},
		{name: "takes some and says so", results: []unix.Errno{unix.EAGAIN, unix.EAGAIN, 0}, sends: []int{4, 4, 2}, kicks: 3},
		{name: "takes nothing for now", results: []unix.Errno{unix.EAGAIN}, sends: []int{0}, kicks: 1, pending: true},
		{name: "is busy", results: []unix.Errno{unix.EBUSY}, sends: []int{0}, kicks: 1, pending: true},
		{name: "has no memory", results: []unix.Errno{unix.ENOBUFS}, sends: []int{0}, kicks: 1, pending: true},
		{name: "was interrupted", results: []unix.Errno{unix.EINTR}, sends: []int{0}, kicks: 1, pending: true},
		{name: "finds the device down", results: []unix.Errno{unix.ENETDOWN}, sends: []int{0}, kicks: 1},
		{name: "finds the device gone", results: []unix.Errno{unix.ENXIO}, sends: []int{0}, kicks: 1},
		{name: "wants no call", wakeup: true, pending: true},
		{name: "wants a call", wakeup: true, flag: true, results: []unix.Errno{0}, sends: []int{10}, kicks: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 256, 64, 0)
			b.tx.wakeup = c.wakeup
			b.kernel.NeedWakeup(false, c.flag)
			calls := 0
			b.txWake = func() unix.Errno {
				b.kernel.Transmit(c.sends[calls])
				calls++
				return c.results[calls-1]
			}
			for i := range uint32(10) {
				f, _ := b.packet(60, i)
				b.send(f)
			}
			if got := b.tx.Flush(); got != c.pending {
				t.Errorf("pending = %t, want %t", got, c.pending)
			}
			if calls != c.kicks {
				t.Errorf("%d calls, want %d", calls, c.kicks)
			}
		})
	}
	t.Run("has nothing to send, it is not called", func(t *testing.T) {
		b := newBench(t, 256, 64, 0)
		b.txWake = func() unix.Errno { t.Error("called"); return 0 }
		if b.tx.Flush() {
			t.Error("pending")
		}
	})
}

func TestCompletionsGiveBuffersBackOnce(t *testing.T) {
	b := newBench(t, 256, 64, 0)
	f, _ := b.packet(4000, 0)
	b.send(f)
	b.tx.Flush()
	b.kernel.Transmit(1)
	if got := b.tx.inFlight(); got != 3 {
		t.Errorf("%d buffers in flight, want 3", got)
	}
	b.kernel.Complete(3)
	b.kernel.CompleteAddr(uint64(f.Off()))    // once more
	b.kernel.CompleteAddr(1 << 50)            // nowhere
	b.kernel.CompleteAddr(uint64(200 * 2048)) // not the kernel's
	b.tx.Flush()
	if got := value(b.tx.counters, txBadCompletion); got != 3 {
		t.Errorf("tx_bad_completion = %d, want 3", got)
	}
	if got := b.tx.inFlight(); got != 0 {
		t.Errorf("%d buffers in flight, want 0", got)
	}
}

package xsk

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"golang.org/x/sys/unix"
)

// The driver on one goroutine, the kernel on another, as in life; run with -race. Packets go in by
// the receive ring and out by the transmit ring of the same socket, and arrive in order and unchanged.
func TestForwardingBesideTheKernel(t *testing.T) {
	const packets = 5000
	b := newBench(t, 1024, 128, 1<<32-1000)
	b.txWake = func() unix.Errno { return 0 }
	b.tx.wakeup = true
	var wg sync.WaitGroup
	wg.Go(func() {
		k := b.kernel
		next, seen := uint32(0), uint32(0)
		for seen < packets {
			// No more on the way than the transmit ring takes, three buffers each: it drops what does not fit.
			if next < packets && next-seen < 40 && k.Deliver(numbered(next)) {
				next++
			}
			k.NeedWakeup(next%3 == 0, next%5 == 0)
			for _, p := range k.Transmit(16) {
				if !bytes.Equal(p, numbered(seen)) {
					t.Errorf("packet %d came out as another", seen)
				}
				seen++
			}
			k.Complete(16)
			runtime.Gosched()
		}
	})
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		b.rx.Recv(&b.batch)
		b.tx.Send(&b.batch)
		b.tx.Flush()
		select {
		case <-done:
			if got := value(b.tx.counters, pmd.TxPackets); got != packets {
				t.Errorf("tx_packets = %d, want %d", got, packets)
			}
			return
		default:
			runtime.Gosched()
		}
	}
}

// numbered returns packet i of a sequence of many sizes, some in several buffers.
func numbered(i uint32) []byte {
	p := pattern(60+int(i*37%4000), i)
	binary.BigEndian.PutUint32(p[14:], i)
	return p
}

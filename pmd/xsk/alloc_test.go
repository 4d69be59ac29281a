package xsk

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestAPollCycleAllocatesNothing(t *testing.T) {
	b := newBench(t, 1024, 256, 0)
	b.txWake = func() unix.Errno { return 0 }
	small, large := pattern(60, 1), pattern(9014, 2)
	packets := 0
	got := testing.AllocsPerRun(100, func() {
		for range 16 {
			b.kernel.Deliver(small)
		}
		b.kernel.Deliver(large)
		b.rx.Recv(&b.batch)
		packets += b.tx.Send(&b.batch)
		b.tx.Flush()
		b.rx.Arm()
		// The kernel's half, without its copies for the test.
		b.kernel.Discard()
	})
	if got != 0 {
		t.Errorf("%v allocations per cycle", got)
	}
	if want := 101 * 17; packets != want {
		t.Errorf("%d packets forwarded, want %d", packets, want)
	}
}

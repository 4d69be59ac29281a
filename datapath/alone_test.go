package datapath

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
)

// TestFewPacketsLeaveBeforeOtherQueuesAreVisited has batches of all sizes around pmd.Few: a larger one waits for the end of the
// poll cycle.
func TestFewPacketsLeaveBeforeOtherQueuesAreVisited(t *testing.T) {
	r := newRig(t, &byPort{mask: flow.Mask{}}, 1)
	r.pass(testPacket) // its flow is known from here on
	for n := 1; n <= 2*pmd.Few; n++ {
		for range n {
			f, ok := r.gen.FromBytes(testPacket)
			if !ok {
				t.Fatal("arena exhausted")
			}
			r.batch.Append(f)
		}
		before := r.out.sent
		r.w.Process(1, &r.batch)
		want := n
		if n > pmd.Few {
			want = 0
		}
		if got := r.out.sent - before; got != want {
			t.Errorf("%d packets: %d left at once, want %d", n, got, want)
		}
		r.w.Flush(r.now)
		if got := r.out.sent - before; got != n {
			t.Errorf("%d packets: %d left in the poll cycle, want all", n, got)
		}
	}
}

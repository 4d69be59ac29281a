package datapath

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// A guest that has many new flows at once must not hold up the packets of others for as long as all answers take.
func TestAWorkerTakesAnswersForNoLongerThanItsPollCycleHasGoneOn(t *testing.T) {
	const flows = 4 * frame.MaxBatch
	for _, c := range []struct {
		name  string
		cycle time.Duration // what came took
		want  int           // packets that leave in it, of 5 µs for fewAnswers
	}{
		{"nothing came", 0, 2 * fewAnswers},
		{"little came", 7 * time.Microsecond, 2 * fewAnswers},
		{"much came", 40 * time.Microsecond, 8 * fewAnswers},
		{"more came than there are answers", time.Second, flows},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mask flow.Mask
			mask.SetExact(flow.FieldIPSrc)
			r := newRig(t, &byPort{mask: mask}, -1)
			for range flows / frame.MaxBatch {
				r.receive(testPacket, flows)
			}
			for start := time.Now(); r.w.lane.Answers.Len() < flows; time.Sleep(time.Millisecond) {
				if time.Since(start) > 10*time.Second {
					t.Fatalf("%d of %d packets have come back from the slow path", r.w.lane.Answers.Len(), flows)
				}
			}
			r.now = 1 << 40
			clock := r.now + int64(c.cycle)
			r.w.clock = func() int64 { clock += 5000; return clock - 5000 }
			r.w.Flush(r.now)
			if r.out.sent != c.want {
				t.Errorf("%d packets leave, want %d", r.out.sent, c.want)
			}
			for !r.w.lane.Answers.Empty() {
				r.w.Flush(clock)
			}
			if r.out.sent != flows || r.w.waiting.Len() > 0 {
				t.Errorf("%d packets have left and %d wait in the end, want %d and none", r.out.sent, r.w.waiting.Len(), flows)
			}
		})
	}
}

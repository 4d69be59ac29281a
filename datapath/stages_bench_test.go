package datapath

import (
	"fmt"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/frame"
)

// enters is about how many stages a poll cycle begins.
const enters = 12

// BenchmarkStagesAlwaysOn is what it costs to know where the cycles go: a worker's poll cycles as they are, one in stage.Every timed, beside such as never are, in turns
// A B B A in one process, so that the machine is the same for both. Of poll cycles with a single packet, of which it takes most, and full ones.
//
//	sampled-%   what timing takes, in hundredths of a poll cycle: the median of all A B B A
//	asked-%     about what all poll cycles take for asking whether they are timed
//	timed-%     what timing takes of a poll cycle that is timed, of which there is one in stage.Every, by that
func BenchmarkStagesAlwaysOn(b *testing.B) {
	var ip flow.Mask
	ip.SetExact(flow.FieldIPSrc)
	for _, packets := range []int{1, frame.MaxBatch} {
		b.Run(fmt.Sprintf("%dpackets", packets), func(b *testing.B) {
			r := newRig(b, &byPort{mask: ip}, 1)
			r.warm(testPacket, 1024)
			clock := cpu.NewClock()
			t := stageTurns{r: r, clock: clock, packets: packets, on: stage.New(clock), off: new(stage.Clock)}
			t.turn(t.on)
			var share, cycle []float64
			for b.Loop() {
				on := t.turn(t.on)
				off := t.turn(t.off) + t.turn(t.off)
				on += t.turn(t.on)
				share, cycle = append(share, on/off-1), append(cycle, off/2)
			}
			b.ReportMetric(100*middle(share), "sampled-%")
			b.ReportMetric(100*enters*t.asking()/middle(cycle), "asked-%")
			b.ReportMetric(stage.Every*100*middle(share), "timed-%")
			b.ReportMetric(middle(cycle), "cycles")
			b.ReportMetric(0, "ns/op") // of a round, which means nothing
		})
	}
}

// stageTurns has poll cycles run with one clock of stages or the other.
type stageTurns struct {
	r       *rig
	clock   *cpu.Clock
	packets int
	on, off *stage.Clock
}

// turn returns how many cycles of the processor a poll cycle takes on average, the generator left out. Each turn has as many that are timed as any other.
func (t *stageTurns) turn(s *stage.Clock) float64 {
	const timed = 16
	t.r.w.SetStages(s)
	var sum int64
	for range timed * stage.Every {
		t.fill()
		start := t.clock.Cycles()
		s.Begin(start)
		s.Enter(stage.Receive)
		s.Enter(stage.Rest)
		t.r.w.Process(1, &t.r.batch)
		t.r.now += 1000
		t.r.w.Flush(t.r.now)
		s.End(t.packets, true)
		sum += t.clock.Cycles() - start
	}
	return float64(sum) / (timed * stage.Every)
}

// fill makes a batch of packets of the next flows.
func (t *stageTurns) fill() {
	pool := t.r.gen.Pool()
	t.r.gen.Fill(&t.r.batch, t.packets)
	for i := range t.r.batch.Frames() {
		f := &t.r.batch.Frames()[i]
		pool.SetLen(f, len(testPacket))
		copy(pool.Bytes(*f), testPacket)
		pool.Bytes(*f)[28], pool.Bytes(*f)[29] = byte(t.r.n>>8&3), byte(t.r.n)
		t.r.n = (t.r.n + 1) % 1024
	}
}

// asking returns how many cycles of the processor it takes to find that a stage is not to be timed.
func (t *stageTurns) asking() float64 {
	const times = 1 << 20
	start := t.clock.Cycles()
	for range times {
		t.off.Enter(stage.Parse)
	}
	asked := t.clock.Cycles()
	for range times {
	}
	return max(0, float64(asked-start)-float64(t.clock.Cycles()-asked)) / times
}

// middle is the median of figures, which it sorts.
func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

package suite

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/control"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// ceilingTime is how long the generator is measured by itself.
const ceilingTime = 500 * time.Millisecond

// measureCeiling measures our own generator by itself, back to back in memory, on the CPU that it has: rows that it drives cannot show more. Each part
// of a run has a ceiling of its own, since the machine is another one by then.
func (b *bench) measureCeiling(ctx context.Context) (p result.Part, err error) {
	g, err := control.Start(exec.Command(b.o.Culvert, "bench", "gen"), b.space.Start)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	p.Started = time.Now().UTC().Truncate(time.Second)
	before := machine.Apart(contest.HostCPU, contest.SwitchCPU)
	r, err := g.Self(ctx, gen.Job{Time: gen.Duration(ceilingTime), CPUs: []int{contest.HostCPU}})
	if err != nil {
		return p, fmt.Errorf("measure the generator by itself: %w", err)
	}
	p.Generator = r.Streams[0].ReceivedRate
	p.Distance = []float64{float64(before), float64(machine.Apart(contest.HostCPU, contest.SwitchCPU))}
	b.ceiling = p.Generator
	return p, nil
}

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
)

// ceilingTime is how long the generator is measured by itself.
const ceilingTime = 500 * time.Millisecond

// ceiling measures our own generator by itself, back to back in memory, on the CPU that it has. It says what came of it: rows that
// this generator drives cannot show more.
func (b *bench) ceiling(ctx context.Context) (text string, err error) {
	g, err := control.Start(exec.Command(b.o.Culvert, "bench", "gen"), b.space.Start)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	r, err := g.Self(ctx, gen.Job{Time: gen.Duration(ceilingTime), CPUs: []int{contest.HostCPU}})
	if err != nil {
		return "", fmt.Errorf("measure the generator by itself: %w", err)
	}
	return fmt.Sprintf("by itself, back to back in memory, it makes and takes %.1f million frames of the shortest size a second", r.Streams[0].ReceivedRate/1e6), nil
}

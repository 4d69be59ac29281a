package switches

import (
	"context"
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/control/api"
)

func (r *runningCulvert) Clear(ctx context.Context) (err error) {
	r.before, err = r.Tally(ctx)
	return err
}

func (r *runningCulvert) Account(ctx context.Context) (a Account, err error) {
	now, err := r.Tally(ctx)
	if err != nil {
		return a, err
	}
	counted := func(level string) float64 {
		return float64(daemon.Value(now.Stats.Caches, level) - daemon.Value(r.before.Stats.Caches, level))
	}
	port, latest, exact, mega, asked := counted("port_hit"), counted("latest_hit"), counted("emc_hit"), counted("megaflow_hit"), counted("upcall")
	all := max(port+latest+exact+mega+asked, 1)
	a.Shares = &Shares{port / all, latest / all, exact / all, mega / all, asked / all}
	a.Text = fmt.Sprintf("port alone %.1f %%, latest flow %.1f %%, exact match %.1f %%, megaflow %.1f %%, rules %.1f %%, %d masks",
		100*a.Shares.Port, 100*a.Shares.Latest, 100*a.Shares.Exact, 100*a.Shares.Megaflow, 100*a.Shares.New, masks(now.Stats))
	c0, p0 := busy(r.before.Stats.Workers)
	c1, p1 := busy(now.Stats.Workers)
	a.Cycles = float64(c1-c0) / float64(max(p1-p0, 1))
	a.Stages = stagesBetween(r.before.Stats.Workers, now.Stats.Workers)
	return a, nil
}

// masks is the most that any port's packets are looked up under.
func masks(s api.Stats) (most int) {
	for _, p := range s.Ports {
		most = max(most, p.Masks)
	}
	return most
}

// busy sums the cycles of the poll cycles in which workers had something to do, and the packets received in them. What is spent on
// a receive queue, which ports tell of, is less: most packets leave at the end of a poll cycle, when all queues have been visited.
func busy(workers []api.Worker) (cycles, packets uint64) {
	for i := range workers {
		cycles, packets = cycles+workers[i].BusyCycles, packets+workers[i].Packets
	}
	return cycles, packets
}

// stagesBetween returns where Culvert's workers, as they were before and are now, say that a packet's cycles have gone.
func stagesBetween(before, now []api.Worker) []result.Stage {
	var list []result.Stage
	var packets uint64
	for i, w := range now {
		packets += w.Stages.Packets - before[i].Stages.Packets
		for k, c := range w.Stages.Cycles {
			if i == 0 {
				list = append(list, result.Stage{Name: c.Name})
			}
			list[k].Cycles += float64(c.Value - before[i].Stages.Cycles[k].Value)
		}
	}
	for i := range list {
		list[i].Cycles /= float64(max(packets, 1))
	}
	return slices.DeleteFunc(list, func(s result.Stage) bool { return s.Cycles < 0.5 })
}

// Command storms measures what a port that sends nothing but new flows takes from the established flows of another, as the tests of
// package storm do, again and again, and keeps it.
//
//	go run ./bench/storms --rounds 4 --json storms.json
//
// What changes of rules take from them, beside what they cost to load, is measured by bench/rules.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/storm"
)

type options struct {
	rounds, rate, ring int
	window             time.Duration
	json               string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 2, "`rounds` of each kind of storm")
	flag.IntVar(&o.rate, "rate", 200_000, "new `flows` a second")
	flag.IntVar(&o.ring, "ring", 8192, "how many `packets` may wait for the worker")
	flag.DurationVar(&o.window, "window", time.Second, "`time` of each phase: alone, in calm, in the storm")
	flag.StringVar(&o.json, "json", "", "keep what was measured in a `file`, for culvert bench report and compare, and go on where an earlier run with it ended")
	flag.Parse()
	contest.Main("storms", o.run)
}

// newRun is what of a run is known before it begins.
func (o options) newRun(versions map[string]string, commands ...string) result.Run {
	return result.Run{
		Program: "storms", Title: "What new flows of one port take from another's", Machine: machine.TakeFingerprint(), Versions: versions, Commands: commands,
		Setup: result.Setup{
			Deployment: "the switch in the process of the hosts: one worker, slow path, revalidator and rule table, and four memory ports",
			Generator:  "one goroutine, which plays all hosts; what it cannot keep up with is not offered",
			Windows:    fmt.Sprintf("%v alone, %v in calm and %v in the storm each, with a fresh switch", o.window, o.window, o.window),
			Repetition: fmt.Sprintf("%d rounds", o.rounds),
		},
	}
}

// run measures the windows that the file does not have yet.
func (o options) run(ctx context.Context) error {
	book, err := result.Open(o.json, o.newRun(machine.Versions(ctx), result.CommandLine("go run ./bench/storms", os.Args[1:])))
	if err != nil {
		return err
	}
	for round := range o.rounds {
		for _, kind := range []storm.Kind{storm.Tuples, storm.MACs} {
			s := storm.Options{Kind: kind, Rate: o.rate, Ring: o.ring, Time: o.window}
			if book.Has(s.RowName(), "culvert", round+1, 0) {
				continue
			}
			r, err := storm.Run(ctx, s)
			if errors.Is(err, storm.ErrCPUs) {
				return fmt.Errorf("%w: %w", contest.ErrCannot, err)
			}
			if err != nil {
				return err
			}
			fmt.Printf("%s\n\n", r)
			if err := book.Add(r.Row("of this source"), r.Window(round+1)); err != nil {
				return err
			}
		}
	}
	return report.Text(os.Stdout, &book.Run)
}

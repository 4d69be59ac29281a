// Command rules measures what large rule sets cost: how long 100,000 rules take to load, here and into Open
// vSwitch from the same file, and how many rules a second can change while packets pass.
//
//	go run ./bench/rules --rules 100000 --rounds 3
//
// The sets are of ClassBench's kinds (package classbench). Open vSwitch runs with a dummy datapath, which has
// nothing to do while rules are loaded; without the package openvswitch-switch its column is left out, by
// name. Look-ups are Go benchmarks beside the code: go test -bench Rules ./datapath/rules/openflow.
//
// The two take turns (A B B A …) and what is printed are medians, with the load of the machine beside them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/storm"
	"github.com/culvertdev/culvert/datapath/rules/openflow/classbench"
)

func main() {
	rules := flag.Int("rules", 100_000, "how many `rules` a set has")
	rounds := flag.Int("rounds", 3, "`rounds` of loading")
	window := flag.Duration("window", 2*time.Second, "`time` of changes while packets pass")
	ring := flag.Int("ring", 32768, "how many `packets` may wait for the worker during changes")
	file := flag.String("json", "", "keep what was measured in a `file`, for culvert bench report and compare, and go on where an earlier run with it ended")
	flag.Parse()
	contest.Main("rules", func(ctx context.Context) error {
		book, err := result.Open(*file, newRun(*rounds, machine.Versions(ctx), result.CommandLine("go run ./bench/rules", os.Args[1:])))
		if err != nil {
			return err
		}
		return errors.Join(load(ctx, book, *rules, *rounds), change(ctx, book, *rules, *ring, *window))
	})
}

// load prints how long sets take to load, those that the book does not have yet.
func load(ctx context.Context, book *result.Book, n, rounds int) error {
	o, err := newOVS(ctx)
	if err != nil {
		fmt.Printf("Open vSwitch is left out: %v\n", err)
	} else {
		defer o.close()
	}
	fmt.Printf("loading %d rules, median of %d; %s\n", n, rounds, busy())
	fmt.Printf("%-5s %14s %14s %14s %14s\n", "set", "culvert", "add-flows", "--bundle", "bundle/culvert")
	for _, k := range classbench.Kinds() {
		if book.Index(rowName(k.Name, n)) >= 0 {
			continue
		}
		text := strings.Join(k.Rules(n, 1), "\n") + "\n"
		var ours, single, bundle samples
		for i := range rounds {
			steps := []func() error{
				func() error { return ours.time(func() error { return fill(text) }) },
				func() error { return o.add(ctx, text, &single) },
				func() error { return o.add(ctx, text, &bundle, "--bundle") },
			}
			if i%2 == 1 {
				steps[0], steps[2] = steps[2], steps[0]
			}
			for _, step := range steps {
				if err := errors.Join(ctx.Err(), step()); err != nil {
					return err
				}
			}
		}
		fmt.Printf("%-5s %14s %14s %14s %14s\n", k.Name, ours, single, bundle, ratio(bundle, ours))
		if err := keep(ctx, book, o, k.Name, n, []samples{ours, single, bundle}); err != nil {
			return err
		}
	}
	return nil
}

// change prints what changes cost packets, if the book does not have it yet.
func change(ctx context.Context, book *result.Book, n, ring int, d time.Duration) error {
	o := storm.Options{Kind: storm.Changes, Rules: n, Ring: ring, Time: d}
	if book.Has(o.RowName(), "culvert", 1, 0) {
		return nil
	}
	r, err := storm.Run(ctx, o)
	if errors.Is(err, storm.ErrCPUs) {
		fmt.Println("changes while packets pass are left out:", err)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Printf("\nchanges of a set of %d rules while packets pass; %s\n%s\n", n, busy(), r)
	return book.Add(r.Row("of this source"), r.Window(1))
}

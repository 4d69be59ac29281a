package main

import (
	"context"
	"fmt"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// measureLoad is what is taken of each load.
const measureLoad = "until all rules are in the table"

// loaders are what rules are loaded by, in the order of the columns.
func loaders(version string) []result.Contender {
	dummy := "datapath: dummy"
	return []result.Contender{
		{Name: "culvert", Version: "of this source"},
		{Name: "ovs", Version: version, Config: []string{dummy, "ovs-ofctl -O OpenFlow14 add-flows"}},
		{Name: "ovs, one bundle", Version: version, Config: []string{dummy, "ovs-ofctl -O OpenFlow14 --bundle add-flows"}},
	}
}

// newRun is what of a run is known before it begins.
func newRun(rounds int, versions map[string]string, commands ...string) result.Run {
	return result.Run{
		Program: "rules", Title: "Loading rule sets", Machine: machine.TakeFingerprint(), Versions: versions, Commands: commands,
		Setup: result.Setup{
			Deployment: "no packets while rules are loaded from a text into an empty table, Culvert's in this process, Open vSwitch's by ovs-ofctl; while they change, one worker between memory ports in this process",
			Windows:    "one load of a set into an empty table each",
			Repetition: fmt.Sprintf("%d rounds, every other one in the opposite order", rounds),
		},
	}
}

func rowName(kind string, n int) string { return fmt.Sprintf("load %d rules, %s", n, kind) }

// keep adds the loads of one kind of set to a book, by loader.
func keep(ctx context.Context, book *result.Book, o *openVSwitch, kind string, n int, all []samples) (err error) {
	version := ""
	if o != nil {
		if version, err = o.Version(ctx); err != nil {
			return err
		}
	}
	row := result.Row{
		Name: rowName(kind, n), Traffic: result.Traffic{Task: "load rules", Mix: fmt.Sprintf("%d rules of ClassBench's kind %s", n, kind)},
		Measures: []result.Measure{{Name: measureLoad, Unit: "ns", Better: result.Less}},
	}
	for i, c := range loaders(version) {
		row.Contenders = []result.Contender{c}
		for round, d := range all[i] {
			w := result.Window{Contender: c.Name, Round: round + 1, Figures: map[string]float64{measureLoad: float64(d)}}
			if err := book.Add(row, w); err != nil {
				return err
			}
		}
	}
	return nil
}

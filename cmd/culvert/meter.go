package main

import (
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
)

type meterAddCmd struct {
	Bridge string   `arg:"" help:"Bridge whose rules are to use the meters."`
	Meters []string `arg:"" name:"meter" help:"Such as meter=1,kbps,band=type=drop,rate=1000."`
}

func (c *meterAddCmd) Run(e *env) error {
	return show(e, api.MeterAdd, api.MeterText{Bridge: c.Bridge, Meters: c.Meters}, func(w io.Writer, n api.Changed) {
		fmt.Fprintf(w, "%d %s added\n", n.Count, plural(n.Count, "meter", "meters"))
	})
}

type meterModCmd struct {
	Bridge string   `arg:"" help:"Bridge that has the meters."`
	Meters []string `arg:"" name:"meter" help:"As for add."`
}

func (c *meterModCmd) Run(e *env) error {
	return show(e, api.MeterMod, api.MeterText{Bridge: c.Bridge, Meters: c.Meters}, func(w io.Writer, n api.Changed) {
		fmt.Fprintf(w, "%d %s changed\n", n.Count, plural(n.Count, "meter", "meters"))
	})
}

type meterDelCmd struct {
	Bridge string `arg:"" help:"Bridge that has the meter."`
	Meter  string `arg:"" optional:"" help:"Its number, controller or slowpath; none: all."`
}

func (c *meterDelCmd) Run(e *env) error {
	return show(e, api.MeterDel, api.MeterID{Bridge: c.Bridge, Meter: c.Meter}, func(w io.Writer, n api.Changed) {
		fmt.Fprintf(w, "removed, and %d %s with it\n", n.Count, plural(n.Count, "rule", "rules"))
	})
}

type meterDumpCmd struct {
	Bridge string `arg:"" optional:"" help:"Meters of this bridge only."`
	Meter  string `arg:"" optional:"" help:"This one only."`
}

func (c *meterDumpCmd) Run(e *env) error {
	return show(e, api.MeterShow, api.MeterID{Bridge: c.Bridge, Meter: c.Meter}, func(w io.Writer, all []api.Meter) {
		for _, m := range all {
			fmt.Fprintln(w, m.Config)
		}
	})
}

type meterStatsCmd struct {
	Bridge string `arg:"" optional:"" help:"Meters of this bridge only."`
	Meter  string `arg:"" optional:"" help:"This one only."`
}

func (c *meterStatsCmd) Run(e *env) error {
	return show(e, api.MeterShow, api.MeterID{Bridge: c.Bridge, Meter: c.Meter}, func(w io.Writer, all []api.Meter) {
		for _, m := range all {
			fmt.Fprintln(w, m.Stats)
		}
	})
}

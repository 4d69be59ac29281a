package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// The measures of the rows.
const (
	measureRate   = "rate"
	measureCycles = "busy cycles"
	measureCPU    = "CPU time"
	measureHalf   = "half within"
	measureMost   = "99 % within"
)

// busyEnough is the share of its time that a switch is busy, by its own count, when it is the limit: what it lacks to 1 is
// the time between two packets. Below it the switch waits for packets, so it is the generator, who has the other end of
// the rings, that limits the rate.
const busyEnough = 0.9

// run is what of a run is known before it begins.
func (o options) run(versions map[string]string, commands ...string) result.Run {
	return result.Run{
		Program: "vhost", Title: "Between vhost-user ports", Machine: machine.TakeFingerprint(), Versions: versions, Commands: commands,
		Setup: result.Setup{
			Deployment: "guest to guest by one switch: two vhost-user ports, each connected to a virtio-user port of the generator",
			Generator:  "testpmd's flowgen, both ways at once, as fast as it goes; for latency, and for tunnels, two guests in one process, single packets or one way as fast as it goes",
			Ports:      []string{fmt.Sprintf("2 vhost-user ports, one queue each, rings of %d descriptors", ringSize)},
			Threads:    []result.Thread{{Name: "generator, and all that forwards nothing", CPU: contest.HostCPU}, {Name: "the switch's forwarding thread", CPU: contest.SwitchCPU}},
			Memory:     "hugepages of 2 MiB for generator and Open vSwitch; Culvert's frames are where it finds them",
			Isolation:  fmt.Sprintf("CPU affinity alone; before each window up to %v until others use less than a twentieth of the CPUs", o.patience),
			Windows:    fmt.Sprintf("%v each, after %v of traffic, with a fresh switch and a fresh generator", o.window, o.warm),
			Repetition: fmt.Sprintf("%d rounds in the order A B B A", o.rounds),
		},
	}
}

// result returns the row of the results that a cell is, with one contender in one version.
func (b *bench) result(at cell, s sample) result.Row {
	row := at.row()
	task, _, _ := strings.Cut(row.name, ",") // rows of one task differ in the number of flows
	t := result.Traffic{
		Task: task, FrameBytes: at.Size - 4, Flows: row.flows, Directions: 2, Protocol: "IPv4, UDP",
		Ports: "vhost-user, " + at.Rings + " rings", Rules: row.rules,
	}
	if row.way != nil {
		t.Directions, t.Flows = 1, pumpFlows
	}
	measures := []result.Measure{
		{Name: measureRate, Unit: "packets/s", Better: result.More, Bounded: true},
		{Name: measureCycles, Unit: "cycles a packet", Better: result.Less},
		{Name: measureCPU, Unit: "ns", Better: result.Less, Bounded: true},
	}
	if s.Half > 0 {
		t.Directions, t.Protocol = 1, "Ethernet, local experimental"
		measures = []result.Measure{
			{Name: measureHalf, Unit: "ns", Better: result.Less, Percentile: 50}, {Name: measureMost, Unit: "ns", Better: result.Less, Percentile: 99},
		}
	}
	c := result.Contender{Name: s.Contender, Version: s.Version}
	if s.Contender == (*culvert)(nil).name() {
		c.Config = slices.DeleteFunc([]string{oneLine(b.ports), oneLine(b.extra)}, func(s string) bool { return s == "" })
	}
	return result.Row{Name: at.String(), Traffic: t, Measures: measures, Contenders: []result.Contender{c}}
}

// oneLine makes a line of several.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "; ")
}

// result returns the window as it is kept. hertz is the frequency of the counter that cycles are of.
func (s sample) result(hertz float64) result.Window {
	w := result.Window{
		Contender: s.Contender, Round: s.Round, Turn: s.Turn, Class: s.class(), Note: s.LookUps,
		Distance: []float64{float64(s.Distance[0]), float64(s.Distance[1])}, Others: s.Used[:], Waited: s.Waited,
		Limited: s.Cycles > 0 && s.Cycles*s.Rate < busyEnough*hertz,
	}
	if !s.valid() {
		w.LeftOut = "looked up otherwise than the row says"
	}
	if !s.undisturbed() {
		w.Disturbed = fmt.Sprintf("others used %.0f and %.0f %%, the switch waited %.0f %% of the time", 100*s.Used[0], 100*s.Used[1], 100*s.Waited)
	}
	if s.Half > 0 { // it is the guest that waits
		w.Latency = []result.Percentile{{Percent: 50, Ns: float64(s.Half)}, {Percent: 99, Ns: float64(s.Most)}}
		w.Limited = false
		return w
	}
	w.Figures = map[string]float64{measureRate: s.Rate, measureCPU: s.CPU}
	if s.Cycles > 0 {
		w.Figures[measureCycles] = s.Cycles
	}
	for _, stage := range s.Stages {
		w.Stages = append(w.Stages, result.Stage{Name: stage.Name, Cycles: stage.Cycles})
	}
	return w
}

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/rows"
)

// benchKeep are the options of measurements that can be kept as rows of a run.
type benchKeep struct {
	Keep          string   `help:"Add the figures to a run of the bench, for bench report and bench compare." placeholder:"RUN.json"`
	Switch        string   `help:"Name of the switch in that run." default:"switch" placeholder:"NAME"`
	SwitchVersion string   `help:"Its version." placeholder:"TEXT"`
	SwitchConfig  []string `help:"What of its configuration differs from its defaults." sep:"none" placeholder:"TEXT"`
	SwitchCPU     int      `name:"switch-cpu" help:"CPU it forwards on: whether it is near --cpus or far is told with each figure." default:"-1" placeholder:"N"`
}

// check says what is wrong with the CPUs of both sides: a probe would spin for ever on one.
func (k benchKeep) check(how benchProcess) error {
	if k.SwitchCPU < 0 || len(how.CPUs) == 0 {
		return nil
	}
	if err := machine.Pair(how.CPUs[0], k.SwitchCPU); err != nil {
		return usageError{fmt.Errorf("--cpus, --switch-cpu: %w", err)}
	}
	return nil
}

// probe returns what tells how far the CPUs of both sides are from each other, in ns; nil when it is not known where both sides run.
func (k benchKeep) probe(how benchProcess) func() float64 {
	if k.SwitchCPU < 0 || len(how.CPUs) == 0 {
		return nil
	}
	return func() float64 { return float64(machine.Apart(how.CPUs[0], k.SwitchCPU)) }
}

// keep adds records to the run, if there is one.
func (k benchKeep) keep(e *env, ports benchPorts, frames benchFrames, how benchProcess, records ...rows.Record) error {
	if k.Keep == "" {
		return nil
	}
	book, err := result.Open(k.Keep, k.run(e, ports, how))
	if err != nil {
		return err
	}
	for _, r := range records {
		row := result.Row{
			Name: strings.Join(slices.Concat([]string{r.Task}, frames.words()), ", "), Measures: r.Measures, Traffic: frames.traffic(r.Task, ports),
			Contenders: []result.Contender{{Name: k.Switch, Version: k.SwitchVersion, Config: k.SwitchConfig}},
		}
		r.Window.Contender, r.Window.Round = k.Switch, 1
		for book.Has(row.Name, k.Switch, r.Window.Round, 0) {
			r.Window.Round++
		}
		if err := book.Add(row, r.Window); err != nil {
			return err
		}
	}
	return nil
}

// run is what is known of the run besides its rows.
func (k benchKeep) run(e *env, ports benchPorts, how benchProcess) result.Run {
	setup := result.Setup{
		Deployment: "between two ports that the generator has the other ends of",
		Generator:  "culvert bench " + e.build.Version, Ports: ports.Ports, Isolation: "CPU affinity alone",
		Repetition: "each command one window",
	}
	for i, c := range how.CPUs {
		setup.Threads = append(setup.Threads, result.Thread{Name: []string{"generator", "sink"}[min(i, 1)], CPU: c})
	}
	if k.SwitchCPU >= 0 {
		setup.Threads = append(setup.Threads, result.Thread{Name: "the switch's forwarding thread", CPU: k.SwitchCPU})
	}
	return result.Run{
		Program: "bench", Title: "Switches measured by their ports", Machine: machine.TakeFingerprint(), Versions: machine.Versions(e.ctx),
		Setup: setup, Commands: []string{result.CommandLine("culvert", os.Args[1:])},
	}
}

// words say what frames are, as far as it is not the default.
func (f benchFrames) words() []string {
	words := []string{f.Size}
	if _, err := strconv.Atoi(f.Size); err == nil {
		words[0] += " bytes"
	}
	if f.Flows > 1 {
		words = append(words, fmt.Sprintf("%d flows", f.Flows))
		if f.Order != "cyclic" {
			words = append(words, f.Order)
		}
	}
	if f.IPv6 {
		words = append(words, "IPv6")
	}
	if f.VLAN != 0 {
		words = append(words, "VLAN")
	}
	if f.Tunnel != "" {
		words = append(words, f.Tunnel)
	}
	return words
}

// traffic returns what a row says of the frames.
func (f benchFrames) traffic(task string, ports benchPorts) result.Traffic {
	t := result.Traffic{Task: task, Protocol: "IPv4, UDP", Flows: f.Flows, Directions: 1}
	if f.IPv6 {
		t.Protocol = "IPv6, UDP"
	}
	if n, err := strconv.Atoi(f.Size); err == nil {
		t.FrameBytes = n - 4 // the frame check sequence
	} else {
		t.Mix = f.Size
	}
	kinds := make([]string, 0, len(ports.Ports))
	for _, p := range ports.Ports {
		_, kind, _ := strings.Cut(p, "=")
		kind, _, _ = strings.Cut(kind, ",")
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	t.Ports = strings.Join(kinds, ", ")
	return t
}

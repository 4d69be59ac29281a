package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/control/api"
)

type statsCmd struct {
	Watch time.Duration `help:"Print again at this interval, until interrupted." placeholder:"TIME"`
}

func (c *statsCmd) Run(e *env) error {
	if c.Watch < 0 {
		return usageError{fmt.Errorf("--watch %s: want a positive time", c.Watch)}
	}
	for {
		if err := show(e, api.GetStats, api.Nothing{}, printStats); err != nil || c.Watch == 0 {
			return err
		}
		select {
		case <-e.ctx.Done():
			return nil
		case <-time.After(c.Watch):
		}
		if !e.json {
			fmt.Fprintln(e.out)
		}
	}
}

func printStats(w io.Writer, s api.Stats) {
	fmt.Fprintf(w, "up %s\nframes: %s\nflows: %s\n\n", seconds(s.UptimeSeconds), framesText(s.Frames), flowsText(s.Flows))
	t := newTable("PACKETS LOOKED UP", ">COUNT", ">SHARE", "MEANING")
	for _, c := range s.Caches {
		t.row(c.Name, c.Value, percent(float64(c.Value), float64(s.Packets)), c.Help)
	}
	t.row("sum", s.Packets, percent(float64(s.Packets), float64(s.Packets)), "All packets looked up, in any cache level.")
	t.print(w, "")
	printCounters(w, "DROPPED BY THE SWITCH", s.Drops)
	printCounters(w, "DROPPED BY PORTS", s.PortDrops)
	printFaults(w, s.PortFaults)
	printCounters(w, "OTHER EVENTS", s.Events)
	printCounters(w, "SLOW PATH", s.SlowPath)
	printCounters(w, "FLOW CACHE", s.Flows.Counters)
	for _, b := range s.Bridges {
		printCounters(w, "BRIDGE "+b.Bridge, b.Counters)
	}
	printPortFlows(w, s.Ports)
	fmt.Fprintln(w)
	for _, worker := range s.Workers {
		fmt.Fprintln(w, workerText(worker))
	}
}

// printPortFlows prints what each port has in the flow cache, and under it what became of its new flows when
// some of them were refused or narrowed.
func printPortFlows(w io.Writer, ports []api.PortFlows) {
	t := newTable("PORT", ">FLOWS CACHED", ">GUARANTEED", ">MASKS", ">OF", ">MASKS A LOOK-UP", ">NEW FLOWS SERVED", ">TIME EACH")
	for _, p := range ports {
		count, _ := tally(p.New)
		t.row(p.Port, p.Flows, p.Guaranteed, p.Masks, p.MaskLimit, mean(p.Probes, p.Lookups, "%.1f"), count["served"],
			mean(count["served_ns"], count["served"], "%.0f ns"))
		for _, c := range p.New {
			if c.Value > 0 && c.Name != "asked" && c.Name != "served" && c.Name != "served_ns" {
				t.remark("%s %d: %s", c.Name, c.Value, c.Help)
			}
		}
	}
	if len(ports) > 0 {
		fmt.Fprintln(w)
		t.print(w, "")
	}
}

// mean formats the mean of n things that sum up to sum.
func mean(sum, n uint64, format string) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf(format, float64(sum)/float64(n))
}

// printCounters prints the counters that are not zero.
func printCounters(w io.Writer, title string, counters []api.Counter) {
	t := newTable(title, ">COUNT", "MEANING")
	for _, c := range counters {
		if c.Value > 0 {
			t.row(c.Name, c.Value, c.Help)
		}
	}
	if len(t.rows) > 0 {
		fmt.Fprintln(w)
		t.print(w, "")
	}
}

// printFaults prints what those at the other sides of ports did wrong, guests most of all.
func printFaults(w io.Writer, faults []api.Fault) {
	t := newTable("FAULTS AT PORT", "FAULT", ">COUNT", "MEANING")
	for _, f := range faults {
		if f.Value > 0 {
			t.row(f.Port, f.Name, f.Value, f.Help)
		}
	}
	if len(t.rows) > 0 {
		fmt.Fprintln(w)
		t.print(w, "")
	}
}

// workerText describes a worker on a few lines.
func workerText(s api.Worker) string {
	where := "not pinned"
	if s.CPU >= 0 {
		where = fmt.Sprintf("on CPU %d", s.CPU)
	}
	total := float64(s.BusyCycles+s.IdleCycles+s.ControlCycles) + float64(s.SleptNs)*s.Hertz/1e9
	text := fmt.Sprintf("worker %d %s: %d packets, busy %s, polling idle %s, asleep %s", s.ID, where, s.Packets,
		percent(float64(s.BusyCycles), total), percent(float64(s.IdleCycles), total), percent(float64(s.SleptNs)*s.Hertz/1e9, total))
	if s.Packets > 0 {
		text += fmt.Sprintf(", %.0f cycles a packet", float64(s.BusyCycles)/float64(s.Packets))
	}
	text += stagesText(s.Stages) + "\n    poll cycle: " + durationsText(s.Cycle)
	if s.Spins {
		return text + "\n    does not sleep: waking up takes longer than the latency budget just now, or workers.latency says spin"
	}
	return text + "\n    waking up:  " + durationsText(s.Wake)
}

// stagesText says where the cycles go, largest first.
func stagesText(s api.Stages) string {
	if s.Packets == 0 {
		return ""
	}
	slices.SortStableFunc(s.Cycles, func(a, b api.Counter) int { return cmp.Compare(b.Value, a.Value) })
	var words []string
	for _, c := range s.Cycles {
		if each := float64(c.Value) / float64(s.Packets); each >= 0.5 {
			words = append(words, fmt.Sprintf("%s %.0f", c.Name, each))
		}
	}
	return fmt.Sprintf("\n    cycles a packet by stage: %s; of %d packets timed", strings.Join(words, ", "), s.Packets)
}

func durationsText(d api.Durations) string {
	if d.Count == 0 {
		return "never"
	}
	return fmt.Sprintf("half below %s, 99 %% below %s, longest %s",
		time.Duration(d.P50Ns), time.Duration(d.P99Ns), time.Duration(d.MaxNs).Round(time.Microsecond))
}

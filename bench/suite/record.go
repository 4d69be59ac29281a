package suite

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/flood"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// A sample is one window of one switch.
type sample struct {
	Cell
	Found
	Contender string
	Version   string
	Config    []string
	Round     int
	Turn      int                 // within the round
	Beside    bool                // the others, which were stopped
	Distance  [2]machine.Distance // between the CPUs, before and after
	Used      [2]float64          // by others, share of the two CPUs, just before and just after
	Took      time.Duration       // with all tries
	Before    time.Duration       // of that, the tries before the one that counts, and waiting until others left the CPUs alone
}

// probes are those of what the figures were taken of: a search is of the state that the machine was in when the rate passed, whatever it was in minutes before.
func (s *sample) probes() []float64 {
	if len(s.Probes) == 2 {
		return s.Probes
	}
	return []float64{float64(s.Distance[0]), float64(s.Distance[1])}
}

// class is what the window's own probes say of it.
func (s *sample) class() string { return machine.Classes([][]float64{s.probes()})[0] }

// Shares of the time from which on a window is disturbed: that others used the CPUs, just before or after, and that the switch's thread waited for its
// CPU while something else had it than the row's own packets.
const (
	mostUsed   = 0.1
	mostWaited = 0.02
)

// undisturbed reports whether others left the CPUs alone.
func (s *sample) undisturbed() bool {
	return max(s.Used[0], s.Used[1]) < mostUsed && s.Waited-s.OwnWait < mostWaited
}

// valid reports whether the window is about what its row says.
func (s *sample) valid() bool { return s.AsSaid >= hitShare }

// good reports whether the window need not be made up for by another.
func (s *sample) good() bool { return s.valid() && s.undisturbed() && s.class() != result.Mixed }

// result returns the window as it is kept.
func (s *sample) result() result.Window {
	w := result.Window{
		Contender: s.Contender, Round: s.Round, Turn: s.Turn, Beside: s.Beside, Class: s.class(), Note: s.LookUps, Limited: s.Limited, Exact: s.Exact, Waited: s.Waited, OwnWait: s.OwnWait, Memory: s.Memory,
		Distance: s.probes(), Others: s.Used[:],
		Took: s.Took.Seconds(), Figures: s.Figures, Latency: s.Latency, Load: s.Load, Stages: s.Stages,
	}
	if !s.valid() {
		w.LeftOut = "looked up otherwise than the row says"
	}
	if !s.undisturbed() {
		w.Disturbed = fmt.Sprintf("others used %.0f and %.0f %%, the switch waited for them %.0f %% of the time", 100*s.Used[0], 100*s.Used[1], 100*(s.Waited-s.OwnWait))
	}
	return w
}

// row returns the row of the results that the window belongs to, with the one switch.
func (s *sample) row() result.Row {
	r := s.Row
	t := r.Traffic
	t.Task, _, _ = strings.Cut(r.Name, ",") // rows of one task differ in the number of flows
	t.Rules = shortened(r.Rules)
	if s.Size > 0 {
		t.FrameBytes = s.Size - 4
	}
	switch {
	case r.Devices:
		t.Ports = "AF_XDP, or the kernel's bridge, on veth"
	case r.Peers:
		t.Ports = "interfaces, of which the generator has the other ends"
	default:
		t.Ports = "vhost-user, " + s.Rings + " rings"
	}
	return result.Row{
		Name: s.Cell.String(), Traffic: t, Measures: r.Measures,
		Contenders: []result.Contender{{Name: s.Contender, Version: s.Version, Config: s.Config}},
	}
}

// mostRules is how many rules of a row are kept with the results.
const mostRules = 100

// shortened returns the first of many rules, and how many more there are.
func shortened(rules []string) []string {
	if len(rules) <= mostRules {
		return rules
	}
	return append(slices.Clone(rules[:mostRules-1]), fmt.Sprintf("and %d more like these", len(rules)-mostRules+1))
}

// run is what of a run is known before it begins.
func (o *Options) run(versions, programs map[string]string, missing []string) result.Run {
	return result.Run{
		Program: "bench", Title: "Switches beside each other", Machine: machine.TakeFingerprint(), Versions: versions, Programs: programs, Commands: o.Commands,
		Setup: result.Setup{
			Deployment: "guest to guest by one switch: two vhost-user ports, each connected to a port of the generator; or host to host by two veth pairs; guests are processes and hosts network namespaces, and neither a virtual machine nor a network card takes part",
			Generator:  o.generatorText(),
			Ports:      []string{fmt.Sprintf("2 vhost-user ports, one queue each, rings of %d descriptors", flood.RingSize), "2 AF_XDP ports on veth, MTU 1500"},
			Threads:    []result.Thread{{Name: "generator, and all that forwards nothing", CPU: contest.HostCPU}, {Name: "the switch's forwarding thread", CPU: contest.SwitchCPU}},
			Memory:     "hugepages of 2 MiB for generator and Open vSwitch; Culvert's frames are where it finds them",
			Isolation:  fmt.Sprintf("CPU affinity, and the nice value %d of all processes of the switches; before each window up to %v until others use less than a twentieth of the CPUs%s", o.Nice, o.Patience, prefixed("; ", contest.Placement())),
			Windows:    o.windowsText(),
			Repetition: o.repetitionText(),
			Nice:       o.Nice,
			Missing:    missing,
		},
	}
}

// generatorText says who sends. Runs by different ones are not to be mixed.
func (o *Options) generatorText() string {
	who, round := "two guests that are nothing but rings", fmt.Sprintf("testpmd with %d buffers (0: its own number) where packets go round", o.Buffers)
	if o.Testpmd {
		who, round = "testpmd's flowgen both ways and two guests that are nothing but rings one way", fmt.Sprintf("testpmd with %d buffers (0: its own number) in both of its roles", o.Buffers)
	}
	return fmt.Sprintf("as fast as it goes: %s; %s; two guests of the bench's own process for single packets, %d a second; our generator for paced rates", who, round, o.Rate)
}

// prefixed is a text with something before it, and nothing where there is none.
func prefixed(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// repetitionText says how often windows come round.
func (o *Options) repetitionText() string {
	s := fmt.Sprintf("in the order A B B A; each switch is started %d times for a row", o.Rounds)
	if len(o.Rows) > 0 {
		return s
	}
	return s + "; what searches, and so repeats itself, is done in the first round alone"
}

// windowsText says how windows come about.
func (o *Options) windowsText() string {
	fresh := fmt.Sprintf("%v each, after %v of traffic, with a fresh switch and a fresh generator", o.Window, o.Warm)
	if o.Turns == 0 || o.Perf {
		return fresh
	}
	return fmt.Sprintf("in rows about rates, latency at low load and devices: switches and generators are started once a round, and all are stopped but one pair, in turns: %d windows of %v for each, after %v of traffic in the first turn and %v in each further one (latency and devices: %d of %v); in all others: %s",
		o.Turns, o.Turn, o.Warm, o.Settle, o.Turns/longFewer, longTimes*o.Turn, fresh)
}

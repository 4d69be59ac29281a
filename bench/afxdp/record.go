package main

import (
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// A subject is a row of the results: one thing that a window measures, with its figures.
type subject struct {
	name, protocol string
	bytes          int
	figures        []figure
}

// A figure is taken of a sample; 0 is one that was not measured.
type figure struct {
	measure result.Measure
	of      func(sample) float64
}

func subjects() []subject {
	more := func(name, unit string, of func(sample) float64) figure {
		return figure{result.Measure{Name: name, Unit: unit, Better: result.More}, of}
	}
	less := func(name string, of func(sample) float64) figure {
		return figure{result.Measure{Name: name, Unit: "ns", Better: result.Less}, of}
	}
	return []subject{
		{"TCP in bulk", "IPv4, TCP", 1514, []figure{
			more("every byte compared", "bit/s", func(s sample) float64 { return s.TCP }),
			more("by iperf3", "bit/s", func(s sample) float64 { return s.Iperf }),
			less("user time a kilobyte", func(s sample) float64 { return s.TCPUser }),
			less("kernel time a kilobyte", func(s sample) float64 { return s.TCPKernel }),
		}},
		{"64-byte packets", "IPv4, UDP", 60, []figure{
			more("received", "packets/s", func(s sample) float64 { return s.Received }),
			{result.Measure{Name: "offered", Unit: "packets/s", Better: result.Neither}, func(s sample) float64 { return s.Offered }},
			less("user time", func(s sample) float64 { return s.User }),
			less("kernel time", func(s sample) float64 { return s.Kernel }),
		}},
		{"ping", "IPv4, ICMP", 98, []figure{less("round trip", func(s sample) float64 { return s.RTT })}},
	}
}

// subjects are what a run has: 60-byte packets are not sent through a tunnel.
func (o options) subjects() []subject {
	all := subjects()
	if o.vxlan {
		all = slices.DeleteFunc(all, func(s subject) bool { return s.protocol == "IPv4, UDP" })
		for i := range all {
			all[i].name += " through a VXLAN"
		}
	}
	return all
}

// run is what of a run is known before it begins.
func (o options) run(versions map[string]string, commands ...string) result.Run {
	return result.Run{
		Program: "afxdp", Title: "Between AF_XDP ports", Machine: machine.TakeFingerprint(), Versions: versions, Commands: commands,
		Setup: result.Setup{
			Deployment: "two hosts in network namespaces, each on a veth pair whose other end is the switch's port",
			Generator:  "TCP of our own and iperf3; packets by one sender as fast as it goes, counted by the hosts' kernels; pings",
			Ports:      []string{"2 AF_XDP ports on veth, MTU 1500"},
			Threads:    []result.Thread{{Name: "hosts, and the kernel on their behalf", CPU: contest.HostCPU}, {Name: "the switch's one thread", CPU: contest.SwitchCPU}},
			Isolation:  fmt.Sprintf("CPU affinity alone; before each window up to %v until others use less than a twentieth of the CPUs", o.patience),
			Windows:    fmt.Sprintf("%v for each figure, after %v of TCP, with fresh hosts and a fresh switch", o.window, o.warm),
			Repetition: fmt.Sprintf("%d rounds in the order A B B A", o.rounds),
		},
	}
}

// row is a subject as a row of the results, with one contender in one version.
func (o options) row(sub subject, s sample) result.Row {
	c := result.Contender{Name: s.Contender, Version: s.Version, Config: []string{"ports: " + s.Mode}}
	if s.Contender == (*culvert)(nil).name() {
		if o.options != "" {
			c.Config = append(c.Config, "options: "+o.options)
		}
		if o.workers != "" {
			c.Config = append(c.Config, "workers.latency: "+o.workers)
		}
	}
	task := "NORMAL, learned addresses"
	if o.vxlan {
		task += ", behind a VXLAN over IPv4"
	}
	r := result.Row{
		Name:       sub.name,
		Traffic:    result.Traffic{Task: task, Protocol: sub.protocol, FrameBytes: sub.bytes, Flows: 1, Ports: "AF_XDP on veth"},
		Contenders: []result.Contender{c},
	}
	for _, f := range sub.figures {
		r.Measures = append(r.Measures, f.measure)
	}
	return r
}

// window is what a sample says of a subject, as it is kept.
func (s sample) window(sub subject) result.Window {
	w := result.Window{
		Contender: s.Contender, Round: s.Round, Turn: s.Turn, Class: machine.Class(s.RoundTrip[0], s.RoundTrip[1]), Note: fmt.Sprintf("%s; %d TCP segments sent again", s.Mode, s.Retransmit),
		Distance: []float64{float64(s.RoundTrip[0]), float64(s.RoundTrip[1])}, Others: s.Others[:], Waited: s.Waited,
		Figures: make(map[string]float64),
	}
	if !s.undisturbed() {
		w.Disturbed = fmt.Sprintf("others used %.0f and %.0f %%", 100*s.Others[0], 100*s.Others[1])
	}
	for _, f := range sub.figures {
		if v := f.of(s); v > 0 {
			w.Figures[f.measure.Name] = v
		}
	}
	return w
}

package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/gen/stream"
)

// benchFrames are the options of what a generator sends.
type benchFrames struct {
	Size   string   `help:"Bytes of a frame on a wire, imix, or sizes with weights such as 64:7,1518:1." default:"64"`
	Flows  int      `help:"Flows, up to 4194304." default:"1"`
	Order  string   `help:"Which flow is next: ${enum}." enum:"cyclic,random,zipf" default:"cyclic"`
	Skew   float64  `help:"Of zipf: flow n comes in proportion to 1/(n+1)^SKEW." default:"1"`
	Vary   []string `help:"Fields in which flows differ: source-port, destination-port, source-address, destination-address, source-mac, destination-mac." default:"source-port,source-address"`
	IPv6   bool     `name:"ipv6" help:"IPv6 in place of IPv4."`
	VLAN   int      `name:"vlan" help:"Tag frames." placeholder:"ID"`
	Tunnel string   `help:"Put frames into a tunnel: vxlan:VNI or geneve:VNI." placeholder:"TYPE:VNI"`
}

// spec returns them as a generator has them.
func (f benchFrames) spec() (stream.Spec, error) {
	s := stream.Spec{Size: f.Size, Flows: f.Flows, Order: f.Order, Skew: f.Skew, Vary: f.Vary, IPv6: f.IPv6, VLAN: f.VLAN}
	if f.Tunnel != "" {
		kind, vni, _ := strings.Cut(f.Tunnel, ":")
		n, err := strconv.ParseUint(vni, 10, 24)
		if err != nil {
			return s, usageError{fmt.Errorf("tunnel %q, want one such as vxlan:42", f.Tunnel)}
		}
		s.Tunnel = &stream.Tunnel{Type: kind, VNI: uint32(n), IPv6: f.IPv6}
	}
	return s, nil
}

// benchProcess are the options of how a generator runs.
type benchProcess struct {
	CPUs       []int `name:"cpus" help:"CPU to run on, or two: one to send on and one to receive on." placeholder:"N"`
	Rest       bool  `help:"Let the CPU go when there is nothing to do: for machines that others use, too; frames are some 100 us late then."`
	Buffers    int   `help:"Buffers for frames." default:"16384"`
	BufferSize int   `help:"Bytes of a buffer: 2048 or 4096." default:"2048"`
}

// options returns a generator's, and sets the runtime up for it: pollers want a processor each, and a collector that
// has nothing to do is not to come by.
func (p benchProcess) options() gen.Options {
	runtime.GOMAXPROCS(max(4, runtime.NumCPU()+2))
	debug.SetGCPercent(400)
	return gen.Options{Buffers: p.Buffers, BufferSize: p.BufferSize}
}

// benchPorts are the ports that packets go between.
type benchPorts struct {
	Ports []string `arg:"" name:"port" help:"A port: NAME=TYPE,OPTION=VALUE,… with the types and options of docs/configuration.md (vhost-frontend, afxdp, afpacket, memory); the option netns is the path of a network namespace."`
}

// specs reads the ports, of which there are as many as roles.
func (p benchPorts) specs(roles ...string) (list []port.Spec, err error) {
	if len(p.Ports) != len(roles) {
		return nil, usageError{fmt.Errorf("%d ports, want %d: %s", len(p.Ports), len(roles), strings.Join(roles, ", "))}
	}
	for _, text := range p.Ports {
		name, rest, ok := strings.Cut(text, "=")
		kind, options, _ := strings.Cut(rest, ",")
		s := port.Spec{Name: name, Type: kind, Options: make(map[string]string)}
		for o := range strings.SplitSeq(options, ",") {
			if o == "" {
				continue
			}
			k, v, is := strings.Cut(o, "=")
			ok = ok && is
			if s.Options[k] = v; k == "netns" {
				delete(s.Options, k)
				s.Namespace = v
			}
		}
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("port %q, want one such as a=vhost-frontend,path=/run/a.sock", text)}
		}
		list = append(list, s)
	}
	return list, nil
}

// What ports are for, in the order in which they are named.
var sendRoles = []string{"where frames leave", "where they arrive"}

// generator makes a generator with the ports.
func (p benchPorts) generator(e *env, process benchProcess, roles ...string) (*gen.Generator, []port.Spec, error) {
	specs, err := p.specs(roles...)
	if err != nil {
		return nil, nil, err
	}
	g, err := gen.New(process.options())
	if err != nil {
		return nil, nil, err
	}
	for _, s := range specs {
		if err := g.Open(e.ctx, s); err != nil {
			return nil, nil, errors.Join(err, g.Close())
		}
	}
	return g, specs, nil
}

// benchBoth is the option of what can be sent both ways.
type benchBoth struct {
	Both bool `help:"Send from the second port to the first, too."`
}

// streams returns those between two ports, at no rate yet.
func (o benchBoth) streams(ports []port.Spec, spec stream.Spec) []gen.Stream {
	list := []gen.Stream{{From: ports[0].Name, To: ports[1].Name, Spec: spec}}
	if o.Both {
		back := spec
		back.Source.MAC, back.Destination.MAC = "02:00:00:00:00:02", "02:00:00:00:00:01"
		list = append(list, gen.Stream{From: ports[1].Name, To: ports[0].Name, Spec: back})
	}
	return list
}

// nanos writes a time for people.
func nanos(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= time.Microsecond:
		return d.Round(10 * time.Nanosecond).String()
	}
	return d.String()
}

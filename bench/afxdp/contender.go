package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/control/api"
)

// A contender is a switch to be measured.
type contender interface {
	name() string
	// missing says why it cannot run here.
	missing() error
	// start starts it between the lab's hosts, with its files in dir.
	start(ctx context.Context, l *lab.Lab, dir string) (running, error)
}

// running is a switch that forwards packets.
type running interface {
	pid() int
	version() string
	mode() string // of its ports, in its own words
	// hostOffloads reports whether the hosts may leave checksums out.
	hostOffloads() bool
	stop() error
}

// culvert is Culvert.
type culvert struct {
	binary, portOptions, latency string
	vxlan                        bool
}

func (c *culvert) name() string { return "culvert" }

func (c *culvert) missing() error {
	if _, err := os.Stat(c.binary); err != nil {
		return fmt.Errorf("%w: %w", contest.ErrCannot, err)
	}
	return nil
}

type runningCulvert struct {
	*daemon.Daemon
	ports []api.Port
	build api.Version
}

func (c *culvert) start(ctx context.Context, l *lab.Lab, dir string) (running, error) {
	d, err := daemon.Start(ctx, daemon.Options{Namespace: l.Switch, Binary: c.binary, Dir: dir, Config: c.config(l)})
	if err != nil {
		return nil, err
	}
	r := &runningCulvert{Daemon: d}
	if r.build, err = api.Call(ctx, d.Client(), api.GetVersion, api.Nothing{}); err == nil {
		r.ports, err = d.WaitOpen(ctx)
	}
	if err != nil {
		d.Stop()
		return nil, err
	}
	return r, nil
}

func (c *culvert) config(l *lab.Lab) string {
	var b strings.Builder
	fmt.Fprintf(&b, "workers:\n  cpus: [%d]\n", contest.SwitchCPU)
	if c.latency != "" {
		fmt.Fprintf(&b, "  latency: %s\n", c.latency)
	}
	b.WriteString("bridges:\n  - name: br0\n    ports:\n")
	c.port(&b, l.Hosts[0])
	if !c.vxlan {
		c.port(&b, l.Hosts[1])
		return b.String()
	}
	fmt.Fprintf(&b, "      - {name: tunnel, type: vxlan, options: {remote_ip: %s, key: %d}}\n", farEnd, tunnelKey)
	fmt.Fprintf(&b, "  - name: %s\n    ports:\n", under)
	c.port(&b, l.Hosts[1])
	fmt.Fprintf(&b, "        underlay: {address: %s/24}\n", nearEnd)
	return b.String()
}

// port writes the configuration of the port of a host.
func (c *culvert) port(b *strings.Builder, h *lab.Host) {
	fmt.Fprintf(b, "      - name: %s\n        type: afxdp\n", h.Port)
	if c.portOptions == "" {
		return
	}
	b.WriteString("        options:\n")
	for o := range strings.SplitSeq(c.portOptions, ",") {
		fmt.Fprintf(b, "          %s\n", strings.Replace(o, "=", ": ", 1))
	}
}

func (r *runningCulvert) pid() int           { return r.PID() }
func (r *runningCulvert) version() string    { return r.build.Version }
func (r *runningCulvert) hostOffloads() bool { return true }
func (r *runningCulvert) stop() error        { return r.Stop() }

func (r *runningCulvert) mode() string {
	var notes []string
	for _, n := range r.ports[0].Notes {
		notes = append(notes, n.Key+" "+n.Value)
	}
	return strings.Join(notes, ", ")
}

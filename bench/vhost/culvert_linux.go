package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/control/api"
)

// culvert is Culvert as it is.
type culvert struct {
	binary, portOptions, extra string
	hosts                      *lab.Namespace
	row                        row
}

func (*culvert) name() string { return "culvert" }

func (c *culvert) missing() error {
	_, err := os.Stat(c.binary)
	return err
}

type runningCulvert struct {
	*daemon.Daemon
	build  api.Version
	before daemon.Tally
}

func (c *culvert) start(ctx context.Context, p place) (running, error) {
	extra := c.extra
	if c.row.fresh { // as Open vSwitch does
		extra += "\nslow-path: {thread: worker}"
	}
	config := fmt.Sprintf("workers: {cpus: [%d]}\n%s\n%s", contest.SwitchCPU, extra, c.bridges(p))
	d, err := daemon.Start(ctx, daemon.Options{Namespace: c.hosts, Binary: c.binary, Dir: p.dir, Config: config})
	if err != nil {
		return nil, err
	}
	r := &runningCulvert{Daemon: d}
	if r.build, err = api.Call(ctx, d.Client(), api.GetVersion, api.Nothing{}); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return r, nil
}

// bridges returns what the configuration says of bridges. Where there is a tunnel the second port is the underlay's.
func (c *culvert) bridges(p place) string {
	var b strings.Builder
	port := func(i int, more string) {
		fmt.Fprintf(&b, "      - {name: vu%d, type: vhost-user, number: %d, options: {path: %q, %s}%s}\n", i, i+1, p.sockets[i], c.portOptions, more)
	}
	b.WriteString("bridges:\n  - name: br0\n    flows: [actions=drop]\n    ports:\n")
	port(0, "")
	if c.row.way == nil || c.row.way.tunnel == "" {
		port(1, "")
		return b.String()
	}
	fmt.Fprintf(&b, "      - {name: tunnel, type: %s, number: %d, options: {remote_ip: %s, key: %d}}\n", c.row.way.tunnel, tunnelPort, farEnd, tunnelKey)
	b.WriteString("  - name: underlay\n    flows: []\n    ports:\n")
	port(1, fmt.Sprintf(", underlay: {address: %s/24}", nearEnd))
	return b.String()
}

func (r *runningCulvert) version() string { return r.build.Version }
func (r *runningCulvert) pid() int        { return r.PID() }
func (r *runningCulvert) stop() error     { return r.Stop() }

func (r *runningCulvert) forward(ctx context.Context, rules []string) error {
	_, err := api.Call(ctx, r.Client(), api.FlowReplace, api.FlowText{Bridge: "br0", Lines: rules})
	return err
}

func (r *runningCulvert) clear(ctx context.Context) (err error) {
	r.before, err = r.Tally(ctx)
	return err
}

func (r *runningCulvert) account(ctx context.Context, row row) (string, float64, error) {
	now, err := r.Tally(ctx)
	if err != nil {
		return "", 0, err
	}
	packets := max(now.Stats.Packets-r.before.Stats.Packets, 1)
	share := func(level string) float64 {
		return float64(daemon.Value(now.Stats.Caches, level)-daemon.Value(r.before.Stats.Caches, level)) / float64(packets)
	}
	port, exact := share("port_hit"), share("emc_hit")
	mega, asked := share("megaflow_hit"), share("upcall")
	how := fmt.Sprintf("port alone %.1f %%, exact match %.1f %%, megaflow %.1f %%", 100*port, 100*exact, 100*mega)
	if row.fresh {
		how += fmt.Sprintf(", rules %.1f %%, the rest dropped", 100*asked)
	}
	return how, row.pick(port, exact, asked/max(port+exact+mega+asked, 1e-9)), nil
}

// cycles is what the worker spent on its receive queues' packets, all stages of the switch included.
func (r *runningCulvert) cycles(ctx context.Context) float64 {
	now, err := r.Tally(ctx)
	if err != nil {
		return 0
	}
	c0, p0 := received(r.before.Ports)
	c1, p1 := received(now.Ports)
	return float64(c1-c0) / float64(max(p1-p0, 1))
}

// stages are those of timed poll cycles since clear.
func (r *runningCulvert) stages(ctx context.Context) []stage {
	now, err := r.Tally(ctx)
	if err != nil {
		return nil
	}
	return stagesBetween(r.before.Stats.Workers, now.Stats.Workers)
}

// received sums the cycles spent on receive queues and the packets taken from them.
func received(ports []api.Port) (cycles, packets uint64) {
	for _, p := range ports {
		for _, q := range p.Queues {
			cycles, packets = cycles+q.Cycles, packets+q.Packets
		}
	}
	return cycles, packets
}

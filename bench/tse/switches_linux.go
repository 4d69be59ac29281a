package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/ovs"
	"github.com/culvertdev/culvert/control/api"
)

// A contender is a switch to be measured.
type contender interface {
	name() string
	// missing says why it cannot run here.
	missing() error
	// start starts it between the lab's hosts with the given rules, host i being port i+1, with its files in dir.
	start(ctx context.Context, l *lab.Lab, rules []string, dir string) (running, error)
}

// running is a switch that forwards packets.
type running interface {
	pid() int
	version() string
	// masks says how many masks packets are looked up under, and how many flows are cached.
	masks(ctx context.Context) string
	stop() error
}

// culvert is Culvert, with a worker on contest.SwitchCPU.
type culvert struct {
	binary string
	extra  string // lines of configuration
}

func (c *culvert) name() string { return "culvert" }

func (c *culvert) missing() error {
	_, err := os.Stat(c.binary)
	return err
}

type runningCulvert struct {
	*daemon.Daemon
	build api.Version
}

func (c *culvert) start(ctx context.Context, l *lab.Lab, rules []string, dir string) (running, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "workers:\n  cpus: [%d]\n%s\nbridges:\n  - name: br0\n    ports:\n", contest.SwitchCPU, c.extra)
	for i, h := range l.Hosts {
		fmt.Fprintf(&b, "      - {name: %s, type: afxdp, number: %d}\n", h.Port, i+1)
	}
	b.WriteString("    flows: |\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "      %s\n", r)
	}
	d, err := daemon.Start(ctx, daemon.Options{Namespace: l.Switch, Binary: c.binary, Dir: dir, Config: b.String()})
	if err != nil {
		return nil, err
	}
	r := &runningCulvert{Daemon: d}
	if r.build, err = api.Call(ctx, d.Client(), api.GetVersion, api.Nothing{}); err == nil {
		_, err = d.WaitOpen(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return r, nil
}

func (r *runningCulvert) pid() int        { return r.PID() }
func (r *runningCulvert) version() string { return r.build.Version }
func (r *runningCulvert) stop() error     { return r.Stop() }

func (r *runningCulvert) masks(ctx context.Context) string {
	st, err := api.Call(ctx, r.Client(), api.GetStats, api.Nothing{})
	if err != nil || len(st.Ports) == 0 {
		return "unknown"
	}
	p := st.Ports[0]
	return fmt.Sprintf("%d masks, %d flows", p.Masks, p.Flows)
}

// openvswitch is Open vSwitch's userspace datapath with AF_XDP ports, by preference in the build with DPDK.
type openvswitch struct{ daemon string }

// dpdkDaemon is where Debian's package openvswitch-switch-dpdk has the daemon. Its DPDK lacks drivers for veth
// (librte-net-af-xdp and its like are not among the package's), but it has the same AF_XDP ports as the other build.
const dpdkDaemon = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"

func newOVS() *openvswitch {
	if _, err := os.Stat(dpdkDaemon); err == nil {
		return &openvswitch{daemon: dpdkDaemon}
	}
	return &openvswitch{daemon: "ovs-vswitchd"}
}

func (o *openvswitch) name() string   { return "ovs" }
func (o *openvswitch) missing() error { return ovs.Missing() }

type runningOVS struct {
	*ovs.Instance
	build string
}

func (o *openvswitch) start(ctx context.Context, l *lab.Lab, rules []string, dir string) (running, error) {
	i, err := ovs.Start(ctx, ovs.Options{
		Dir: dir, Daemon: o.daemon, Spawn: l.Switch.Start,
		Config: []string{fmt.Sprintf("pmd-cpu-mask=%#x", 1<<contest.SwitchCPU)},
	})
	if err != nil {
		return nil, err
	}
	r := &runningOVS{Instance: i}
	if err := r.configure(ctx, l, rules, dir, filepath.Base(o.daemon)); err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	return r, nil
}

func (r *runningOVS) configure(ctx context.Context, l *lab.Lab, rules []string, dir, build string) error {
	args := []string{"add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail-mode=secure"}
	for i, h := range l.Hosts {
		args = append(args, "--", "add-port", "br0", h.Port, "--", "set", "Interface", h.Port, "type=afxdp",
			fmt.Sprintf("ofport_request=%d", i+1))
	}
	if _, err := r.Vsctl(ctx, args...); err != nil {
		return err
	}
	for _, h := range l.Hosts {
		if out, err := r.Vsctl(ctx, "get", "Interface", h.Port, "error"); err != nil || strings.TrimSpace(out) != "[]" {
			return fmt.Errorf("port %s: %s %w", h.Port, out, err)
		}
	}
	file := filepath.Join(dir, "flows.txt")
	if err := os.WriteFile(file, []byte(strings.Join(rules, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	if _, err := r.Ofctl(ctx, "OpenFlow10", "add-flows", "br0", file); err != nil {
		return err
	}
	version, err := r.Version(ctx)
	r.build = version + " (" + build + ")"
	return err
}

func (r *runningOVS) pid() int        { return r.PID() }
func (r *runningOVS) version() string { return r.build }
func (r *runningOVS) stop() error     { return r.Stop() }

func (r *runningOVS) masks(context.Context) string {
	show, err := r.Appctl("dpctl/show")
	if err != nil {
		return "unknown"
	}
	stats, err := r.Appctl("dpif-netdev/pmd-stats-show")
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%s masks a hit, %s flows", after(stats, "avg. subtable lookups per megaflow hit: "), after(show, "flows: "))
}

// after returns what stands behind a label on its first line, or "?".
func after(text, label string) string {
	if _, rest, ok := strings.Cut(text, label); ok {
		line, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(line)
	}
	return "?"
}

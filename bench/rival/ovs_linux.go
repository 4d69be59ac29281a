package rival

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/ovs"
)

// OVS is Open vSwitch's userspace datapath with AF_XDP ports, by preference in the build with DPDK.
type OVS struct {
	Config []string // more of other_config in the Open_vSwitch table, key=value
	daemon string
}

// NewOVS returns the build that is installed. The DPDK of the one with DPDK lacks drivers for veth (librte-net-af-xdp
// and its like are not among the package's), but it has the same AF_XDP ports as the other.
func NewOVS(config ...string) *OVS {
	if _, err := os.Stat(ovs.DPDKDaemon); err == nil {
		return &OVS{Config: config, daemon: ovs.DPDKDaemon}
	}
	return &OVS{Config: config, daemon: "ovs-vswitchd"}
}

func (o *OVS) Name() string   { return "ovs" }
func (o *OVS) Missing() error { return ovs.Missing() }

type runningOVS struct {
	*ovs.Instance
	build  string
	config []string
}

func (o *OVS) Start(ctx context.Context, l *lab.Lab, rules []string, dir string) (Running, error) {
	i, err := ovs.Start(ctx, ovs.Options{
		Dir: dir, Daemon: o.daemon, Spawn: l.Switch.Start,
		Config: append([]string{fmt.Sprintf("pmd-cpu-mask=%#x", 1<<contest.SwitchCPU)}, o.Config...),
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
	version, err := r.Instance.Version(ctx)
	if err != nil {
		return err
	}
	r.build = version + " (" + build + ")"
	config, err := r.Vsctl(ctx, "get", "Open_vSwitch", ".", "other_config")
	r.config = []string{"other_config: " + strings.TrimSpace(config), "bridge: datapath_type=netdev, fail-mode=secure", "ports: type=afxdp"}
	return err
}

func (r *runningOVS) Version() string  { return r.build }
func (r *runningOVS) Config() []string { return r.config }

func (r *runningOVS) Cached(context.Context) string {
	show, err := r.Appctl("dpctl/show")
	if err != nil {
		return "unknown"
	}
	stats, err := r.Appctl("dpif-netdev/pmd-stats-show")
	if err != nil {
		return "unknown"
	}
	beyond, err := r.Appctl("coverage/read-counter", "upcall_flow_limit_hit")
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%s masks a hit, %s flows, %s not cached", after(stats, "avg. subtable lookups per megaflow hit: "),
		after(show, "flows: "), strings.TrimSpace(beyond))
}

func (r *runningOVS) Flows(context.Context) (int, error) {
	show, err := r.Appctl("dpctl/show")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(after(show, "flows: "))
}

func (r *runningOVS) Modify(ctx context.Context, line string) error {
	_, err := r.Ofctl(ctx, "OpenFlow10", "mod-flows", "br0", line)
	return err
}

// after returns what stands behind a label on its first line, or "?".
func after(text, label string) string {
	if _, rest, ok := strings.Cut(text, label); ok {
		line, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(line)
	}
	return "?"
}

package rival

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

// Culvert is ours, with a worker on contest.SwitchCPU.
type Culvert struct {
	Binary string // path
	Config string // more lines of configuration
}

func (c *Culvert) Name() string { return "culvert" }

func (c *Culvert) Missing() error {
	_, err := os.Stat(c.Binary)
	return err
}

type runningCulvert struct {
	*daemon.Daemon
	build  api.Version
	config []string
}

func (c *Culvert) Start(ctx context.Context, l *lab.Lab, rules []string, dir string) (Running, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "workers:\n  cpus: [%d]\n%s\nbridges:\n  - name: br0\n    ports:\n", contest.SwitchCPU, c.Config)
	for i, h := range l.Hosts {
		fmt.Fprintf(&b, "      - {name: %s, type: afxdp, number: %d}\n", h.Port, i+1)
	}
	b.WriteString("    flows: |\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "      %s\n", r)
	}
	d, err := daemon.Start(ctx, daemon.Options{Namespace: l.Switch, Binary: c.Binary, Dir: dir, Config: b.String()})
	if err != nil {
		return nil, err
	}
	r := &runningCulvert{Daemon: d, config: append([]string{fmt.Sprintf("workers: {cpus: [%d]}", contest.SwitchCPU), "ports: type afxdp"}, lines(c.Config)...)}
	if r.build, err = api.Call(ctx, d.Client(), api.GetVersion, api.Nothing{}); err == nil {
		_, err = d.WaitOpen(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return r, nil
}

func (r *runningCulvert) Version() string  { return r.build.Version }
func (r *runningCulvert) Config() []string { return r.config }

// lines returns those of a text that say something.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

func (r *runningCulvert) Cached(ctx context.Context) string {
	st, err := api.Call(ctx, r.Client(), api.GetStats, api.Nothing{})
	if err != nil || len(st.Ports) == 0 {
		return "unknown"
	}
	uncached := uint64(0)
	for _, c := range st.SlowPath {
		switch c.Name {
		case "deferred", "cache_full", "over_share":
			uncached += c.Value
		}
	}
	p := st.Ports[0]
	return fmt.Sprintf("%d masks, %d flows, %d not cached", p.Masks, p.Flows, uncached)
}

func (r *runningCulvert) Flows(ctx context.Context) (int, error) {
	st, err := api.Call(ctx, r.Client(), api.GetStats, api.Nothing{})
	n := 0
	for _, p := range st.Ports {
		n += p.Flows
	}
	return n, err
}

func (r *runningCulvert) Modify(ctx context.Context, line string) error {
	_, err := api.Call(ctx, r.Client(), api.FlowMod, api.FlowText{Lines: []string{line}})
	return err
}

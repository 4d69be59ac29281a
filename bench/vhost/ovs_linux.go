package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/ovs"
)

// openvswitch is Open vSwitch with DPDK.
type openvswitch struct{}

func (openvswitch) name() string   { return "ovs" }
func (openvswitch) missing() error { return ovs.MissingDPDK() }

type runningOVS struct {
	*ovs.Instance
	dir, build string
}

func (openvswitch) start(ctx context.Context, p place) (running, error) {
	dpdk := ovs.DPDK{CPU: contest.SwitchCPU, Main: contest.HostCPU}
	i, err := ovs.Start(ctx, dpdk.Apply(ovs.Options{Dir: p.dir, Spawn: p.spawn}))
	if err != nil {
		return nil, err
	}
	r := runningOVS{Instance: i, dir: p.dir}
	if r.build, err = i.Version(ctx); err == nil {
		err = i.AddVhostBridge(ctx, "br0", []ovs.VhostPort{{Name: "vu0", Number: 1, Socket: p.sockets[0]}, {Name: "vu1", Number: 2, Socket: p.sockets[1]}})
	}
	if err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	return r, nil
}

func (r runningOVS) version() string { return "OVS " + r.build }
func (r runningOVS) pid() int        { return r.PID() }

func (r runningOVS) forward(ctx context.Context, rules []string) error {
	file := filepath.Join(r.dir, "rules")
	if err := os.WriteFile(file, []byte(strings.Join(rules, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	_, err := r.Ofctl(ctx, "OpenFlow13", "replace-flows", "br0", file)
	return err
}

func (r runningOVS) clear(context.Context) error { return r.PMDClear() }

func (r runningOVS) account(_ context.Context, row row) (string, float64, error) {
	s, err := r.PMDStats()
	if err != nil {
		return "", 0, err
	}
	share := func(n uint64) float64 { return float64(n) / float64(max(s.Packets, 1)) }
	simple, exact := share(s.SimpleHits), share(s.EMCHits)
	how := fmt.Sprintf("simple match %.1f %%, EMC %.1f %%, megaflow %.1f %%", 100*simple, 100*exact, 100*share(s.MegaflowHits))
	asked := share(s.Misses)
	if row.fresh {
		how += fmt.Sprintf(", rules %.1f %%", 100*asked)
	}
	return how, row.pick(simple, exact, asked/max(simple+exact+share(s.MegaflowHits)+asked, 1e-9)), nil
}

func (r runningOVS) cycles(context.Context) float64 {
	s, err := r.PMDStats()
	if err != nil {
		return 0
	}
	return s.Cycles
}

func (r runningOVS) stop() error { return r.Stop() }

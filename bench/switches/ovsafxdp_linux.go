package switches

import (
	"context"
	"fmt"

	"github.com/culvertdev/culvert/bench/ovs"
)

// OVSAFXDP is Open vSwitch's userspace datapath without DPDK, with AF_XDP ports.
type OVSAFXDP struct {
	Config []string // more of other_config in the Open_vSwitch table, key=value
}

func (OVSAFXDP) Name() string   { return "ovs-afxdp" }
func (OVSAFXDP) Missing() error { return ovs.Missing() }

func (o OVSAFXDP) Start(ctx context.Context, s Scene) (Running, error) {
	return startOVS(ctx, s, ovs.Options{Config: append([]string{fmt.Sprintf("pmd-cpu-mask=%#x", 1<<s.CPU)}, o.Config...)}, ", AF_XDP")
}

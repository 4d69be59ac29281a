package switches

import (
	"context"
	"fmt"

	"github.com/culvertdev/culvert/bench/ovs"
)

// OVSAFXDP is Open vSwitch's userspace datapath without DPDK, with AF_XDP ports.
type OVSAFXDP struct{}

func (OVSAFXDP) Name() string   { return "ovs-afxdp" }
func (OVSAFXDP) Missing() error { return ovs.Missing() }

func (OVSAFXDP) Start(ctx context.Context, s Scene) (Running, error) {
	return startOVS(ctx, s, ovs.Options{Config: []string{fmt.Sprintf("pmd-cpu-mask=%#x", 1<<s.CPU)}}, ", AF_XDP")
}

package switches

import (
	"context"

	"github.com/culvertdev/culvert/bench/ovs"
)

// OVSDPDK is Open vSwitch with DPDK, with vhost-user ports.
type OVSDPDK struct{}

func (OVSDPDK) Name() string   { return "ovs" }
func (OVSDPDK) Missing() error { return ovs.MissingDPDK() }

func (OVSDPDK) Start(ctx context.Context, s Scene) (Running, error) {
	return startOVS(ctx, s, ovs.DPDK{CPU: s.CPU, Main: s.Main}.Apply(ovs.Options{Dir: s.Dir}), ", DPDK")
}

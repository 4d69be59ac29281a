package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/ovs"
)

// openvswitch is Open vSwitch with DPDK.
type openvswitch struct{ row row }

func (openvswitch) name() string   { return "ovs" }
func (openvswitch) missing() error { return ovs.MissingDPDK() }

type runningOVS struct {
	*ovs.Instance
	dir, build string
}

func (o openvswitch) start(ctx context.Context, p place) (running, error) {
	dpdk := ovs.DPDK{CPU: contest.SwitchCPU, Main: contest.HostCPU}
	i, err := ovs.Start(ctx, dpdk.Apply(ovs.Options{Dir: p.dir, Spawn: p.spawn}))
	if err != nil {
		return nil, err
	}
	r := runningOVS{Instance: i, dir: p.dir}
	if r.build, err = i.Version(ctx); err == nil {
		ports := []ovs.VhostPort{{Name: "vu0", Number: 1, Socket: p.sockets[0]}, {Name: "vu1", Number: 2, Socket: p.sockets[1]}}
		if o.row.way == nil || o.row.way.tunnel == "" {
			err = i.AddVhostBridge(ctx, "br0", ports)
		} else {
			err = r.tunnel(ctx, o.row.way.tunnel, ports[:1], ports[1:])
		}
	}
	if err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	return r, nil
}

// under is the bridge of the tunnel's outer packets.
const under = "under"

// tunnel makes the bridges of the overlay and of the underlay, which has the address of the near end. The far end's
// Ethernet address is told.
func (r runningOVS) tunnel(ctx context.Context, typ string, inside, outside []ovs.VhostPort) error {
	if err := errors.Join(r.AddVhostBridge(ctx, "br0", inside), r.AddVhostBridge(ctx, under, outside)); err != nil {
		return err
	}
	if _, err := r.Vsctl(ctx, "set", "Bridge", under, "other-config:hwaddr="+net.HardwareAddr(nearMAC[:]).String(),
		"--", "add-port", "br0", "tunnel", "--", "set", "Interface", "tunnel", "type="+typ, fmt.Sprint("ofport_request=", tunnelPort),
		"options:remote_ip="+farEnd.String(), fmt.Sprint("options:key=", tunnelKey)); err != nil {
		return err
	}
	if _, err := r.Run(ctx, "ip", "address", "replace", nearEnd.String()+"/24", "dev", under); err != nil {
		return err
	}
	if _, err := r.Run(ctx, "ip", "link", "set", under, "up"); err != nil {
		return err
	}
	// Of what comes from the bridge's own interface, only the tunnel's packets: the kernel has things to say there, too.
	for _, rule := range []string{"ip,in_port=LOCAL,nw_dst=" + farEnd.String() + ",actions=output:2", "in_port=2,actions=LOCAL"} {
		if _, err := r.Ofctl(ctx, "OpenFlow13", "add-flow", under, rule); err != nil {
			return err
		}
	}
	return r.meet(ctx)
}

// meet waits until the switch has noticed its address, then tells it who the far end is.
func (r runningOVS) meet(ctx context.Context) error {
	for {
		routes, err := r.Appctl("ovs/route/show")
		if err != nil {
			return err
		}
		if strings.Contains(routes, "dev "+under) {
			_, err := r.Appctl("tnl/arp/set", under, farEnd.String(), net.HardwareAddr(farMAC[:]).String())
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("wait for the route to %s: %w: %s", farEnd, err, routes)
		}
	}
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
	// Of look-ups: a packet that comes out of a tunnel has two.
	all := s.SimpleHits + s.EMCHits + s.SMCHits + s.MegaflowHits + s.Misses
	share := func(n uint64) float64 { return float64(n) / float64(max(all, 1)) }
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

func (runningOVS) stages(context.Context) []stage { return nil }

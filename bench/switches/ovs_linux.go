package switches

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/ovs"
)

// A runningOVS is Open vSwitch's userspace datapath, with DPDK or without.
type runningOVS struct {
	*ovs.Instance
	scene  Scene
	build  string // of the switch, with what else is worth knowing
	config []string
	rules  []string
}

// startOVS starts a build of Open vSwitch with what o says, and its bridges.
func startOVS(ctx context.Context, s Scene, o ovs.Options, build string) (Running, error) {
	o.Dir, o.Spawn, o.SpawnDaemon = s.Dir, s.Space.Start, s.start
	if s.NoExact {
		o.Config = append(o.Config, "emc-insert-inv-prob=0")
	}
	i, err := ovs.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &runningOVS{Instance: i, scene: s}
	err = r.bridges(ctx)
	if err == nil {
		r.build, err = i.Version(ctx)
		r.build = "OVS " + r.build + build
	}
	if err == nil {
		r.config, err = r.settings(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	return r, nil
}

// bridges makes the bridge that is measured and, where there is a tunnel, the one of its outer packets, which has the address of the
// near end. The far end's Ethernet address is told.
func (r *runningOVS) bridges(ctx context.Context) error {
	var ports []ovs.Port
	for i, p := range r.scene.Ports {
		q := ovs.Port{Name: fmt.Sprint("vu", i), Number: uint32(i + 1), Socket: p.Socket, MTU: r.scene.MTU}
		if p.Device != "" {
			q.Name, q.Device = p.Device, true
		}
		ports = append(ports, q)
	}
	t := r.scene.Tunnel
	if t == nil {
		return r.AddBridge(ctx, bridge, ports)
	}
	if err := errors.Join(r.AddBridge(ctx, bridge, ports[:1]), r.AddBridge(ctx, underlay, ports[1:])); err != nil {
		return err
	}
	if _, err := r.Vsctl(ctx, "set", "Bridge", underlay, "other-config:hwaddr="+net.HardwareAddr(t.NearMAC[:]).String(),
		"--", "add-port", bridge, tunnel, "--", "set", "Interface", tunnel, "type="+t.Type, fmt.Sprint("ofport_request=", TunnelPort),
		"options:remote_ip="+t.Far.String(), fmt.Sprint("options:key=", t.Key)); err != nil {
		return err
	}
	return r.reach(ctx, t)
}

// reach gives the underlay its address, waits until the switch has noticed it, and tells who the far end is.
func (r *runningOVS) reach(ctx context.Context, t *Tunnel) error {
	for _, args := range [][]string{{"address", "replace", t.Near.String() + "/24", "dev", underlay}, {"link", "set", underlay, "up"}} {
		if _, err := r.Run(ctx, "ip", args...); err != nil {
			return err
		}
	}
	if err := r.underlayRules(ctx, t); err != nil {
		return err
	}
	for {
		routes, err := r.Appctl("ovs/route/show")
		if err != nil {
			return err
		}
		if strings.Contains(routes, "dev "+underlay) {
			_, err := r.Appctl("tnl/arp/set", underlay, t.Far.String(), net.HardwareAddr(t.FarMAC[:]).String())
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the route to %s: %w: %s", t.Far, ctx.Err(), routes)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// underlayRules let pass, of what comes from the bridge's own interface, the tunnel's packets and ARP alone: the kernel has other things
// to say there.
func (r *runningOVS) underlayRules(ctx context.Context, t *Tunnel) error {
	for _, rule := range []string{"ip,in_port=LOCAL,nw_dst=" + t.Far.String() + ",actions=output:2", "arp,in_port=LOCAL,actions=output:2", "in_port=2,actions=LOCAL"} {
		if _, err := r.Ofctl(ctx, openflow, "add-flow", underlay, rule); err != nil {
			return err
		}
	}
	return nil
}

// openflow is the version that the bridges are spoken to in, the first with bundles.
const openflow = "OpenFlow14"

// ChecksumsByHosts says that hosts at devices have to compute their checksums: what they leave to hardware stays as it is.
func (*runningOVS) ChecksumsByHosts() {}

func (r *runningOVS) Version() string  { return r.build }
func (r *runningOVS) Config() []string { return r.config }

// Forward takes a bundle, so that all rules change at once (ovs-ofctl(8)). One by one, each of many invalidates what the forwarding thread has cached, and while a
// generator sends, 32,768 took from 18 s to a minute and a half, where a bundle of them takes one second.
//
// It returns when what is cached has been looked through: packets may be forwarded by the rules before until then.
func (r *runningOVS) Forward(ctx context.Context, rules []string) error {
	r.rules = rules
	file := filepath.Join(r.scene.Dir, "rules")
	if err := os.WriteFile(file, []byte(strings.Join(rules, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	if _, err := r.Ofctl(ctx, openflow, "--bundle", "replace-flows", bridge, file); err != nil {
		return err
	}
	for range 2 { // the first may be told of a look that began before
		if _, err := r.Appctl("revalidator/wait"); err != nil {
			return err
		}
	}
	return nil
}

func (r *runningOVS) Restart(ctx context.Context) error { return r.again(ctx, r.Instance.Restart) }

func (r *runningOVS) Reset(ctx context.Context) error { return r.again(ctx, r.Instance.Reset) }

func (r *runningOVS) again(ctx context.Context, start func(context.Context) error) error {
	if err := start(ctx); err != nil {
		return err
	}
	if r.scene.Tunnel != nil {
		if err := r.reach(ctx, r.scene.Tunnel); err != nil {
			return err
		}
	}
	return r.Forward(ctx, r.rules)
}

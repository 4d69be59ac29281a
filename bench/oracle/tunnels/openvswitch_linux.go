package tunnels

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/ovs"
)

// Open vSwitch's bridges: that of the scene, and the one that has the addresses of the underlay.
const above, below = "br0", "below"

// openVSwitch is the side that is right. It is in a network namespace of its own: it takes local_ip from addresses that
// the kernel has, and must not see the machine's.
type openVSwitch struct {
	ns     *lab.Namespace
	ovs    *ovs.Instance
	dir    string
	loaded bool // there has been a scene
}

// newOpenVSwitch starts Open vSwitch with the bridge below.
func newOpenVSwitch(ctx context.Context, dir string) (*openVSwitch, error) {
	ns, err := lab.NewNamespace("oracle")
	if err != nil {
		return nil, err
	}
	o := &openVSwitch{ns: ns, dir: dir}
	if err := o.start(ctx); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *openVSwitch) start(ctx context.Context) error {
	host := guest.In(o.ns)
	defer host.Close()
	own := []netip.Prefix{netip.PrefixFrom(near4, 32), netip.PrefixFrom(near6, 128)}
	if _, err := host.SetLink(ctx, inside.Link{Name: "lo", Addresses: own}); err != nil {
		return err
	}
	var err error
	if o.ovs, err = ovs.Start(ctx, ovs.Options{Dir: o.dir, Dummy: true, Tunnels: true, Spawn: o.ns.Start}); err != nil {
		return err
	}
	return o.prepare(ctx)
}

// close ends it.
func (o *openVSwitch) close() error {
	var err error
	if o.ovs != nil {
		err = o.ovs.Stop()
	}
	return errors.Join(err, o.ns.Close())
}

// prepare makes the bridge below, and everybody on its link known.
func (o *openVSwitch) prepare(ctx context.Context) error {
	ports := []ovs.DummyPort{{Name: wan, Number: 1}, {Name: "follow" + below, Number: followPort}}
	hw := fmt.Sprintf(`other-config:hwaddr="%s"`, macText(nearMAC))
	if err := o.ovs.AddDummyBridge(ctx, below, []string{hw}, ports); err != nil {
		return err
	}
	calls := [][]string{
		{"netdev-dummy/ip4addr", below, near4.String() + "/24"}, {"netdev-dummy/ip6addr", below, near6.String() + "/64"},
		{"ovs/route/add", netip.PrefixFrom(near4, 24).Masked().String(), below}, {"ovs/route/add", netip.PrefixFrom(near6, 64).Masked().String(), below},
		{"ovs/route/add", netip.PrefixFrom(near4, 24).Masked().String(), below, "pkt_mark=" + mark},
		{"ovs/route/add", netip.PrefixFrom(near6, 64).Masked().String(), below, "pkt_mark=" + mark},
	}
	for _, list := range [][]netip.Addr{far4, far6} {
		for _, a := range list {
			calls = append(calls, []string{"tnl/neigh/set", below, a.String(), macText(farMAC(a))})
		}
	}
	for _, c := range calls {
		if _, err := o.ovs.Appctl(c[0], c[1:]...); err != nil {
			return err
		}
	}
	return nil
}

func macText(m [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// load gives the bridges a scene's ports and rules.
func (o *openVSwitch) load(ctx context.Context, s *Scene) error {
	if o.loaded {
		if err := o.ovs.DelBridge(ctx, above); err != nil {
			return err
		}
	}
	o.loaded = true
	ports := []ovs.DummyPort{{Name: "follow" + above, Number: followPort}}
	for i, name := range hosts {
		ports = append(ports, ovs.DummyPort{Name: name, Number: uint32(i + 1)})
	}
	if err := o.ovs.AddDummyBridge(ctx, above, nil, ports); err != nil {
		return err
	}
	if err := o.addTunnels(ctx, s); err != nil {
		return err
	}
	under := []string{followFlow, "in_port=LOCAL,actions=output:1", "in_port=1,actions=LOCAL"}
	if s.VLAN != 0 {
		under = []string{followFlow, fmt.Sprintf("in_port=LOCAL,actions=push_vlan:0x8100,set_field:%d->vlan_vid,output:1", 0x1000|s.VLAN),
			fmt.Sprintf("in_port=1,dl_vlan=%d,actions=pop_vlan,LOCAL", s.VLAN)}
	}
	if err := o.replaceFlows(ctx, below, under); err != nil {
		return err
	}
	if len(s.TLVs) > 0 {
		if _, err := o.ovs.Run(ctx, "ovs-ofctl", "add-tlv-map", above, strings.Join(s.TLVs, ",")); err != nil {
			return err
		}
	}
	if err := o.replaceFlows(ctx, above, append([]string{followFlow}, s.Flows...)); err != nil {
		return err
	}
	_, err := o.ovs.Appctl("revalidator/purge") // flows of the scene before, whose ports had the same numbers
	return err
}

// addTunnels makes the scene's tunnel ports.
func (o *openVSwitch) addTunnels(ctx context.Context, s *Scene) error {
	args := []string{"--"}
	for i := range s.Tunnels {
		t := &s.Tunnels[i]
		typ := t.Type
		if typ == "erspan" && t.v6() {
			typ = "ip6erspan"
		}
		args = append(args, "--", "add-port", above, t.Name(), "--", "set", "Interface", t.Name(), "type="+typ, fmt.Sprint("ofport_request=", t.Number))
		for _, option := range t.Options {
			name, value, _ := strings.Cut(option, "=")
			args = append(args, fmt.Sprintf(`options:%s="%s"`, name, value))
		}
	}
	if _, err := o.ovs.Vsctl(ctx, args[1:]...); err != nil {
		return err
	}
	out, err := o.ovs.Vsctl(ctx, "--bare", "--columns=error", "list", "Interface")
	if err == nil && strings.TrimSpace(out) != "" {
		err = fmt.Errorf("ports of Open vSwitch: %s", out)
	}
	return err
}

func (o *openVSwitch) replaceFlows(ctx context.Context, bridge string, flows []string) error {
	file := filepath.Join(o.dir, "flows")
	if err := os.WriteFile(file, []byte(strings.Join(flows, "\n")), 0o600); err != nil {
		return err
	}
	_, err := o.ovs.Ofctl(ctx, "OpenFlow15", "replace-flows", bridge, file)
	return err
}

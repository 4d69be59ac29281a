//go:build integration

package overlay

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/ovs"
	"github.com/vishvananda/netlink"
)

// Bridges of Open vSwitch at the far end: the one that has the underlay's addresses, and the one with the tunnel.
const under, over = "under", "over"

// openVSwitch makes the far end one of Open vSwitch's userspace datapath, with a tunnel port of a type and options.
func (s *site) openVSwitch(typ string, options ...string) (*ovs.Instance, *guest.Host) {
	s.Helper()
	i, err := ovs.Start(s.ctx, ovs.Options{Dir: s.path("ovs"), Spawn: s.far.Start})
	must(s.T, err)
	s.Cleanup(func() { i.Stop() })
	args := []string{"add-br", under, "--", "set", "bridge", under, "datapath_type=netdev", "other-config:hwaddr=" + s.far.MAC.String(),
		"--", "add-port", under, lab.HostLink,
		"--", "add-br", over, "--", "set", "bridge", over, "datapath_type=netdev",
		"--", "set", "Interface", over, fmt.Sprint("mtu_request=", s.inner),
		"--", "add-port", over, "tun", "--", "set", "Interface", "tun", "type=" + typ, "ofport_request=1"}
	for _, o := range options {
		args = append(args, "options:"+o)
	}
	if s.vlan != 0 {
		args = append(args, "--", "set", "Port", under, fmt.Sprint("tag=", s.vlan))
	}
	_, err = i.Vsctl(s.ctx, args...)
	must(s.T, err)
	out, err := i.Vsctl(s.ctx, "--bare", "--columns=error", "list", "Interface")
	must(s.T, err)
	if strings.TrimSpace(out) != "" {
		s.Fatalf("ports of Open vSwitch: %s", out)
	}
	must(s.T, s.far.Do(dropAddresses))
	h := s.host(s.far.Namespace)
	s.link(h, under, 0, []netip.Prefix{netip.PrefixFrom(far4, 24), netip.PrefixFrom(far6, 64)})
	s.link(h, over, 0, overlay(0, 2))
	return i, h
}

// dropAddresses takes the link's addresses away, which a bridge is to have.
func dropAddresses() error {
	l, err := netlink.LinkByName(lab.HostLink)
	if err != nil {
		return err
	}
	all, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	for _, a := range all {
		if err == nil {
			err = netlink.AddrDel(l, &a)
		}
	}
	return err
}

func TestTunnelsWithOpenVSwitch(t *testing.T) {
	need(t, ovs.Missing, missingTshark)
	const to4, to6, back4, back6 = "remote_ip: 10.77.0.2", `remote_ip: "fd77::2"`, "remote_ip=10.77.0.100", "remote_ip=fd77::100"
	tests := []struct {
		name, typ string
		plan      plan
		options   string
		theirs    []string
		filter    string
	}{
		{"VXLAN", "vxlan", plan{}, to4 + ", key: 42", []string{back4, "key=42"}, "vxlan.vni == 42"},
		{"VXLAN in a VLAN", "vxlan", plan{vlan: 7}, to4 + ", key: 42, csum: true", []string{back4, "key=42", "csum=true"}, "vlan.id == 7"},
		{"VXLAN over IPv6 in a VLAN", "vxlan", plan{vlan: 7}, to6 + ", key: 42", []string{back6, "key=42", "csum=true"}, "vlan.id == 7"},
		{"GENEVE", "geneve", plan{}, to4 + ", key: 42, csum: true", []string{back4, "key=42", "csum=true"}, "geneve.vni == 42"},
		{"GENEVE over IPv6", "geneve", plan{}, to6 + ", key: 42", []string{back6, "key=42"}, "geneve.vni == 42"},
		{"GRE", "gre", plan{}, to4, []string{back4}, "!gre.key"},
		{"GRE with key and checksum", "gre", plan{}, to4 + ", key: 42, csum: true", []string{back4, "key=42", "csum=true"}, "gre.key == 42"},
		{"GRE over IPv6 with key", "gre", plan{}, to6 + ", key: 42", []string{back6, "key=42"}, "gre.key == 42"},
		{"ERSPAN type II", "erspan", plan{}, to4 + ", key: 42, erspan_ver: 1, erspan_idx: 3",
			[]string{back4, "key=42", "erspan_ver=1", "erspan_idx=3"}, "erspan.spanid == 42"},
		{"GRE in a VLAN", "gre", plan{vlan: 7}, to4 + ", key: 42", []string{back4, "key=42"}, "vlan.id == 7"},
		{"ERSPAN type II in a VLAN", "erspan", plan{vlan: 7}, to4 + ", key: 42, erspan_ver: 1, erspan_idx: 3",
			[]string{back4, "key=42", "erspan_ver=1", "erspan_idx=3"}, "vlan.id == 7"},
		{"ERSPAN type III", "erspan", plan{}, to4 + ", key: 42, erspan_ver: 2, erspan_dir: 1, erspan_hwid: 4",
			[]string{back4, "key=42", "erspan_ver=2", "erspan_dir=1", "erspan_hwid=4"}, "erspan.spanid == 42"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, test.plan, 2*time.Minute)
			c := s.capture()
			_, beyond := s.openVSwitch(test.typ, test.theirs...)
			s.start(test.typ, test.options)
			s.exercise(beyond, 0)
			s.stop()
			c.judge(s, 100, test.filter)
		})
	}
}

// To Open vSwitch NVGRE (RFC 7637) is GRE with any of 256 keys, of which it answers with one.
func TestNVGREWithOpenVSwitch(t *testing.T) {
	need(t, ovs.Missing, missingTshark)
	for _, test := range []struct {
		name           string
		plan           plan
		options, their string
		filter         string
	}{
		{"IPv4", plan{}, "remote_ip: 10.77.0.2", "remote_ip=10.77.0.100", "ip.proto == 47"},
		{"IPv6", plan{}, `remote_ip: "fd77::2"`, "remote_ip=fd77::100", "ipv6.nxt == 47"},
		{"IPv6 in a VLAN", plan{vlan: 7}, `remote_ip: "fd77::2"`, "remote_ip=fd77::100", "vlan.id == 7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, test.plan, 2*time.Minute)
			c := s.capture()
			i, beyond := s.openVSwitch("gre", test.their, "key=flow")
			_, err := i.Ofctl(s.ctx, "OpenFlow15", "replace-flows", over, s.write("flows",
				"in_port=1,tun_id=0x2a00/0xffffff00,actions=output:LOCAL", "in_port=LOCAL,actions=set_field:0x2a07->tun_id,output:1"))
			must(t, err)
			s.start("nvgre", test.options+", key: 42")
			s.exercise(beyond, 0)
			s.stop()
			c.judge(s, 100, "gre.key >= 0x2a00 && gre.key <= 0x2aff", test.filter)
		})
	}
}

// Packets go only by the rules of both switches, each of which wants what the other has put into the options.
func TestGENEVEOptionsWithOpenVSwitch(t *testing.T) {
	need(t, ovs.Missing, missingTshark)
	// The shortest and the longest that have a value.
	mapped := []string{"{class=0x102,type=0x42,len=4}->tun_metadata0", "{class=0x103,type=0x80,len=124}->tun_metadata1"}
	const there, back, long = "0x1234abcd", "0x5678", "0x0102030405060708"
	// The MTU leaves room for the options: what tells alice that a packet is too long has none, and the rules drop it.
	s := newSite(t, plan{
		inner: 1280, options: fmt.Sprintf("%q, %q", mapped[0], mapped[1]),
		rules: []string{
			fmt.Sprintf("in_port=p1,actions=set_field:%s->tun_metadata0,set_field:%s->tun_metadata1,output:tun", there, long),
			fmt.Sprintf("in_port=tun,tun_metadata0=%s,actions=output:p1", back),
		},
	}, time.Minute)
	c := s.capture()
	i, beyond := s.openVSwitch("geneve", "remote_ip=10.77.0.100", "key=42", "csum=true")
	_, err := i.Run(s.ctx, "ovs-ofctl", "add-tlv-map", over, strings.Join(mapped, ","))
	must(t, err)
	_, err = i.Ofctl(s.ctx, "OpenFlow15", "replace-flows", over, s.write("flows",
		fmt.Sprintf("in_port=1,tun_metadata0=%s,tun_metadata1=%s,actions=output:LOCAL", there, long),
		fmt.Sprintf("in_port=LOCAL,actions=set_field:%s->tun_metadata0,output:1", back)))
	must(t, err)
	s.start("geneve", "remote_ip: 10.77.0.2, key: 42, csum: true")
	s.exercise(beyond, 0)
	s.stop()
	c.judge(s, 100, "geneve.option.type == 0x42", "geneve.option.type == 0x80")
}

// write writes lines to a file and returns its path.
func (s *site) write(name string, lines ...string) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	must(s.T, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

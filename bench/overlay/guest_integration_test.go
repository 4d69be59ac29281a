//go:build integration

package overlay

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/control/api"
)

// The guest's kernel has tunnel devices that this machine's lacks. It is on a vhost-user port with the underlay's
// addresses, and has all tunnels at once, each with a network of its own inside.
func TestTunnelsWithALinuxGuest(t *testing.T) {
	need(t, guest.Missing, missingTshark)
	const to4, to6 = "remote_ip: 10.77.0.2", `remote_ip: "fd77::2"`
	const mapped, value = "{class=0x102,type=0x42,len=4}->tun_metadata0", "1234abcd"
	tunnels := []struct {
		name, options string
		far           inside.Tunnel
		actions       string // on packets into it
		filter        string // of tshark: what they are there
	}{
		{"GENEVE", to4 + ", key: 42", inside.Tunnel{Type: "geneve", Local: far4, Remote: near4, Key: 42, Port: genevePort},
			"", "geneve.vni == 42 && !geneve.options && udp.checksum == 0"},
		{"GENEVE with checksums and an option", to4 + ", key: 43, csum: true", inside.Tunnel{Type: "geneve", Local: far4, Remote: near4, Key: 43, Port: genevePort},
			"set_field:0x" + value + "->tun_metadata0,", "geneve.vni == 43 && geneve.option.class == 0x102 && geneve.option.type == 0x42" +
				" && geneve.option.unknown.data == " + value + " && udp.checksum.status == Good"},
		{"GENEVE over IPv6", to6 + ", key: 42", inside.Tunnel{Type: "geneve", Local: far6, Remote: near6, Key: 42, Port: genevePort},
			"", "geneve.vni == 42 && ipv6.dst == fd77::2 && udp.checksum.status == Good"},
		{"GRE", to4, inside.Tunnel{Type: "gre", Local: far4, Remote: near4}, "", "gre.flags_and_version == 0 && gre.proto == 0x6558"},
		{"GRE with key and checksum", to4 + ", key: 42, csum: true", inside.Tunnel{Type: "gre", Local: far4, Remote: near4, Key: 42, Checksum: true},
			"", "gre.key == 42 && gre.checksum.status == Good"},
		{"GRE over IPv6", to6 + ", key: 42", inside.Tunnel{Type: "gre", Local: far6, Remote: near6, Key: 42}, "", "gre.key == 42 && ipv6.dst == fd77::2"},
		{"ERSPAN type II", to4 + ", key: 43, erspan_idx: 3", inside.Tunnel{Type: "erspan", Local: far4, Remote: near4, Key: 43, Version: 1},
			"", "erspan.version == 1 && erspan.spanid == 43 && erspan.index == 3 && gre.flags.sequence_number == 1"},
		{"ERSPAN type III", to4 + ", key: 44, erspan_ver: 2, erspan_hwid: 4", inside.Tunnel{Type: "erspan", Local: far4, Remote: near4, Key: 44, Version: 2},
			"", "erspan.version == 2 && erspan.spanid == 44 && erspan.hw == 4 && erspan.direction == 0"},
		{"ERSPAN type II over IPv6", to6 + ", key: 45", inside.Tunnel{Type: "erspan", Local: far6, Remote: near6, Key: 45, Version: 1},
			"", "erspan.version == 1 && erspan.spanid == 45 && ipv6.dst == fd77::2"},
		{"ERSPAN type III over IPv6", to6 + ", key: 46, erspan_ver: 2", inside.Tunnel{Type: "erspan", Local: far6, Remote: near6, Key: 46, Version: 2},
			"", "erspan.version == 2 && erspan.spanid == 46 && ipv6.dst == fd77::2"},
		{"VXLAN", to4 + ", key: 42, csum: true", inside.Tunnel{Type: "vxlan", Local: far4, Remote: near4, Key: 42, Port: vxlanPort, Checksum: true},
			"", "vxlan.vni == 42 && udp.checksum.status == Good"},
	}
	s := newSite(t, plan{rules: []string{"actions=drop"}, options: strconv.Quote(mapped)}, 4*time.Minute)
	var ports []tunnelPort
	for i, u := range tunnels {
		ports = append(ports, tunnelPort{fmt.Sprint("tun", i), u.far.Type, u.options})
	}
	s.startWith(fmt.Sprintf("name: wan, type: vhost-user, options: {path: %s}", s.path("vu")), ports...)
	g := s.boot()
	for i, u := range tunnels {
		u.far.Name = ports[i].name
		must(t, g.AddTunnel(s.ctx, u.far))
		s.link(g.Host, u.far.Name, s.inner, overlay(byte(i), 2))
		s.link(s.alice, lab.HostLink, 0, overlay(byte(i), 1))
		_, err := api.Call(s.ctx, s.daemon.Client(), api.FlowReplace, api.FlowText{Bridge: "inside", Lines: []string{
			"in_port=p1,actions=" + u.actions + "output:" + u.far.Name, "in_port=" + u.far.Name + ",actions=output:p1",
		}})
		must(t, err)
		t.Run(u.name, func(t *testing.T) {
			s := s.within(t)
			s.judgeGuest(g, byte(i), u.filter)
			s.exercise(g.Host, byte(i))
		})
	}
	s.stop()
}

// The guest's kernel has VLAN devices, which this machine's may lack.
func TestTunnelsInAVLANWithALinuxGuest(t *testing.T) {
	need(t, guest.Missing, missingTshark)
	s := newSite(t, plan{vlan: 7}, 4*time.Minute)
	const to4, to6 = "remote_ip: 10.77.0.2", `remote_ip: "fd77::2"`
	s.startWith(fmt.Sprintf("name: wan, type: vhost-user, options: {path: %s}", s.path("vu")),
		tunnelPort{"vx", "vxlan", to4 + ", key: 42"}, tunnelPort{"gen", "geneve", to6 + ", key: 42"},
		tunnelPort{"gr", "gre", to4 + ", key: 42"}, tunnelPort{"gr6", "gre", to6 + ", key: 42"},
		tunnelPort{"span", "erspan", to4 + ", key: 43, erspan_ver: 1"}, tunnelPort{"span6", "erspan", to6 + ", key: 43, erspan_ver: 2"})
	g := s.boot()
	for i, u := range []struct {
		inside.Tunnel
		filter string
	}{
		{inside.Tunnel{Name: "vx", Type: "vxlan", Local: far4, Remote: near4, Key: 42, Port: vxlanPort}, "vxlan.vni == 42"},
		{inside.Tunnel{Name: "gen", Type: "geneve", Local: far6, Remote: near6, Key: 42, Port: genevePort}, "geneve.vni == 42"},
		{inside.Tunnel{Name: "gr", Type: "gre", Local: far4, Remote: near4, Key: 42}, "gre.key == 42 && ip.dst == 10.77.0.2"},
		{inside.Tunnel{Name: "gr6", Type: "gre", Local: far6, Remote: near6, Key: 42}, "gre.key == 42 && ipv6.dst == fd77::2"},
		{inside.Tunnel{Name: "span", Type: "erspan", Local: far4, Remote: near4, Key: 43, Version: 1}, "erspan.version == 1 && erspan.spanid == 43"},
		{inside.Tunnel{Name: "span6", Type: "erspan", Local: far6, Remote: near6, Key: 43, Version: 2}, "erspan.version == 2 && erspan.spanid == 43"},
	} {
		must(t, g.AddTunnel(s.ctx, u.Tunnel))
		_, err := api.Call(s.ctx, s.daemon.Client(), api.FlowReplace, api.FlowText{Bridge: "inside", Lines: []string{
			"in_port=p1,actions=output:" + u.Name, "in_port=" + u.Name + ",actions=output:p1",
		}})
		must(t, err)
		network := byte(i + 1)
		s.link(g.Host, u.Name, s.inner, overlay(network, 2))
		s.link(s.alice, lab.HostLink, 0, overlay(network, 1))
		t.Run(u.Name, func(t *testing.T) {
			s := s.within(t)
			s.judgeGuest(g, network, u.filter+" && vlan.id == 7")
			s.exercise(g.Host, network)
		})
	}
	s.stop()
}

// boot starts the guest on the switch's port wan, as far, in the underlay's VLAN.
func (s *site) boot() *guest.Guest {
	s.Helper()
	g, err := guest.Start(s.ctx, guest.Options{
		Dir: s.path("guest"), Socket: s.path("vu"), Spawn: s.lab.Switch.Start, MAC: net.HardwareAddr{2, 0x77, 0, 0, 0, 2}, Tunnels: true,
	})
	must(s.T, err)
	s.Cleanup(func() { g.Stop() })
	link := guest.Link
	if s.vlan != 0 {
		s.link(g.Host, link, 0, nil)
		link += ".under"
		must(s.T, g.AddVLAN(s.ctx, inside.VLAN{Name: link, Link: guest.Link, ID: s.vlan}))
	}
	s.link(g.Host, link, 0, []netip.Prefix{netip.PrefixFrom(far4, 24), netip.PrefixFrom(far6, 64)})
	return g
}

// within is the site for a part of its test.
func (s *site) within(t *testing.T) *site {
	part := *s
	part.T = t
	return &part
}

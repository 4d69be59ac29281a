package config_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/encap/underlay"
)

func TestAnUnderlayIsRead(t *testing.T) {
	c, err := parse(`bridges: [{name: b, ports: [
  {name: p, type: tap, underlay: {address: 192.0.2.1/24, gateway: 192.0.2.254, neighbours: [{address: 192.0.2.254, mac: '02:00:00:00:00:fe'}]}},
  {name: q, type: tap, underlay: {address: [198.51.100.1/24, "2001:db8::1/64"], gateway: [198.51.100.253, 198.51.100.254, "fe80::1"], vlan: 7, mtu: 9000,
    routes: [{to: 203.0.113.0/24, via: 198.51.100.2}, {to: 198.51.100.0/25, mark: 0x50}]}},
  {name: r, type: tap}]}]`, nil)
	if err != nil {
		t.Fatal(err)
	}
	ip, pre := netip.MustParseAddr, netip.MustParsePrefix
	want := underlay.Config{Interfaces: []underlay.Interface{
		{Port: "p", Addresses: []netip.Prefix{pre("192.0.2.1/24")}, Routes: []underlay.Route{{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("192.0.2.254")}}},
			Neighbours: []underlay.Neighbour{{Address: ip("192.0.2.254"), Ethernet: [6]byte{2, 0, 0, 0, 0, 0xfe}}}},
		{Port: "q", Addresses: []netip.Prefix{pre("198.51.100.1/24"), pre("2001:db8::1/64")}, VLAN: 7, MTU: 9000, Routes: []underlay.Route{
			{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("198.51.100.253"), ip("198.51.100.254")}},
			{To: pre("::/0"), Via: []netip.Addr{ip("fe80::1")}},
			{To: pre("203.0.113.0/24"), Via: []netip.Addr{ip("198.51.100.2")}},
			{To: pre("198.51.100.0/25"), Mark: 0x50}}},
	}}
	got := c.Underlay()
	for i := range got.Interfaces {
		if m := got.Interfaces[i].Ethernet; m == [6]byte{} || m[0] != 2 {
			t.Errorf("a port without a device of ours has the Ethernet address %x", m)
		}
		got.Interfaces[i].Ethernet = [6]byte{}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestMistakesInAnUnderlayAreFoundWhereTheyStand(t *testing.T) {
	for in, want := range map[string]string{
		"{}":                     "want an address, or kernel: true",
		"{address: 192.0.2.1}":   `want an address with its prefix length, such as 192.0.2.1/24, found "192.0.2.1"`,
		"{address: 224.0.0.1/8}": "want the unicast address of a host, found 224.0.0.1",
		"{address: 192.0.2.1/24, gateway: 198.51.100.1}":                                        "via 198.51.100.1: the port has no address whose prefix it is in",
		"{address: 192.0.2.1/24, routes: [{to: 10.0.0.0/8}]}":                                   "want via: a router or a list of routers, found none",
		"{address: 192.0.2.1/24, routes: [{to: 192.0.2.0/24, mark: 0}]}":                        "want a whole number from 1 to 4294967295",
		"{address: 192.0.2.1/24, routes: [{to: 10.0.0.0/8, mark: 5}]}":                          "to 10.0.0.0/8: want a router: the port has no address whose prefix it is in",
		"{address: 192.0.2.1/24, neighbours: [{address: 192.0.2.2}]}":                           "want mac: the host's Ethernet address, found none",
		"{address: 192.0.2.1/24, neighbours: [{address: 192.0.3.2, mac: '02:00:00:00:00:02'}]}": "want that of a host in a prefix of the port's addresses",
		"{address: 192.0.2.1/24, vlan: 4095}":                                                   "want a whole number from 1 to 4094",
		"{address: 192.0.2.1/24, mtu: 300}":                                                     "want 576 or more with these addresses, found 300",
		"{kernel: true}":                                                                        "want a port of type afxdp or afpacket",
		"{address: 192.0.2.1/24, adress: 1}":                                                    `unknown key "adress"`,
	} {
		_, err := parse("bridges: [{name: b, ports: [{name: p, type: tap, underlay: "+in+"}]}]", nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", in, err, want)
		}
	}
	_, err := parse("bridges: [{name: b, ports: [{name: p, type: tap, underlay: {address: 192.0.2.1/24}}, {name: q, type: tap, underlay: {address: 192.0.2.1/25}}]}]", nil)
	if err == nil || !strings.Contains(err.Error(), "port p has 192.0.2.1") {
		t.Errorf("one address on two ports: %v", err)
	}
}

func TestAPortThatIsSharedWithTheKernelLeavesItAllButTunnels(t *testing.T) {
	check := func(map[string]string) error { return nil }
	read := func(port string) (*config.Config, error) {
		return config.Parse(config.Source{Name: "c.yaml", Text: "bridges: [{name: b, ports: [{name: p, " + port + "}]}]",
			Drivers: config.PortTypes{"afxdp": check, "afpacket": check}})
	}
	for typ, want := range map[string]string{"afxdp": "shared", "afpacket": ""} {
		c, err := read("type: " + typ + ", underlay: {kernel: true}")
		if err != nil {
			t.Fatal(err)
		}
		p := c.Bridges[0].Ports[0]
		if p.Options["pass"] != want || !p.Underlay.Kernel || p.Underlay.Ethernet != [6]byte{} {
			t.Errorf("%s: options %v, underlay %+v", typ, p.Options, p.Underlay)
		}
	}
	for port, want := range map[string]string{
		"type: afxdp, underlay: {kernel: true}, options: {pass: arp}":                "want none with underlay.kernel",
		"type: afxdp, underlay: {kernel: true, vlan: 5}":                             "want no vlan with it",
		"type: afxdp, underlay: {kernel: true, mac: \"02:00:00:00:00:01\"}":          "want no mac with it",
		"type: afxdp, underlay: {kernel: true, address: 192.0.2.1/24}":               "want none with kernel: true",
		"type: afxdp, underlay: {address: 192.0.2.1/24, mac: \"03:00:00:00:00:01\"}": "want a unicast Ethernet address",
	} {
		if _, err := read(port); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", port, err, want)
		}
	}
}

package encap

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

func TestPacketsToAMulticastGroupComeOutOfTheTunnelsThatEndAnywhereHere(t *testing.T) {
	l := newLab(t)
	group := netip.MustParseAddr("239.1.1.1")
	addresses := []Address{{addr4b, 0, macB}, {group, 0, macB}}
	for _, c := range []struct {
		name    string
		tunnels []Tunnel
		key     uint32
		port    uint32
	}{
		{"with any local address", []Tunnel{{Port: 1, Type: VXLAN, Key: 5}}, 5, 1},
		{"with one of them", []Tunnel{{Port: 1, Type: VXLAN, Key: 5, Local: addr4b}}, 5, 1},
		{"from one end", []Tunnel{{Port: 1, Type: VXLAN, Key: 5, Remote: addr4a}, {Port: 2, Type: VXLAN, Key: 5}}, 5, 1},
		{"of one key among several", []Tunnel{{Port: 1, Type: VXLAN, Key: 5}, {Port: 2, Type: VXLAN, Key: 6}}, 6, 2},
		{"of another key", []Tunnel{{Port: 1, Type: VXLAN, Key: 5}}, 6, 0},
		{"between other families", []Tunnel{{Port: 1, Type: VXLAN, Key: 5, Remote: addr6a}}, 5, 0},
	} {
		tunnels, err := NewTunnels(addresses, c.tunnels)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		o := over4(Outer{Type: VXLAN, Key: c.key})
		o.Dst, o.DstMAC = group, wire.GroupMAC(group)
		got := l.pop(tunnels, l.push(&o, innerUDP(0, 30)))
		if got.port != c.port || got.why != Good || c.port != 0 && !bytes.Equal(got.inner, innerUDP(0, 30)) {
			t.Errorf("%s: port %d, %s, want port %d", c.name, got.port, got.why, c.port)
		}
	}
	// Two tunnels that end at addresses of their own do not quarrel over a group.
	two := []Tunnel{{Port: 1, Type: VXLAN, Key: 5, Local: addr4a}, {Port: 2, Type: VXLAN, Key: 5, Local: addr4b}}
	if _, err := NewTunnels(append(addresses, Address{addr4a, 0, macB}), two); err != nil {
		t.Error(err)
	}
}

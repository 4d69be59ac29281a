package encap

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// slowFind is what Tunnels do, without tables: among all tunnels that a packet to at may be of, the most specific one.
func slowFind(addresses []Address, tunnels []Tunnel, from netip.Addr, at Address, typ Type, port uint16, word uint32) uint32 {
	best, bestRank := uint32(0), 1000
	for i := range tunnels {
		tun := &tunnels[i]
		// NVGRE packets are GRE packets.
		gre := typ == GRE && (tun.Type == GRE || tun.Type == NVGRE)
		key := word
		if tun.Type == NVGRE {
			key = word >> 8
		}
		if !slices.Contains(addresses, at) || !gre && tun.Type != typ || tun.Type.UDP() && tun.port() != port ||
			tun.Local.IsValid() && tun.Local != at.Addr || tun.Remote.IsValid() && tun.Remote != from || !tun.AnyKey && tun.Key != key {
			continue
		}
		rank := 0
		switch {
		case tun.AnyKey:
			rank = 12
		case tun.Type == NVGRE:
			rank = 6
		}
		if !tun.Remote.IsValid() {
			rank += 3
		}
		switch {
		case tun.LocalByFlow:
			rank += 2
		case !tun.Local.IsValid():
			rank++
		}
		if rank < bestRank {
			best, bestRank = tun.Port, rank
		}
	}
	return best
}

// randomTunnels returns tunnels of few values, so that many compete for a packet.
func randomTunnels(rng *rand.Rand, addrs []netip.Addr) []Tunnel {
	pick := func() netip.Addr { return addrs[rng.IntN(len(addrs))] }
	list := make([]Tunnel, 1+rng.IntN(8))
	for i := range list {
		tun := &list[i]
		*tun = Tunnel{Port: uint32(i + 1), Type: []Type{VXLAN, Geneve, GRE, NVGRE, ERSPAN}[rng.IntN(5)], ZeroChecksum6: true}
		switch rng.IntN(4) {
		case 0, 1:
			tun.Local = pick()
		case 2:
			tun.LocalByFlow = true
		}
		if rng.IntN(2) == 0 {
			tun.Remote = pick()
		}
		if tun.AnyKey = rng.IntN(3) == 0; !tun.AnyKey {
			tun.Key = uint32(rng.IntN(3))
		}
		if tun.Type == VXLAN && rng.IntN(2) == 0 {
			tun.UDPPort = 8472
		}
	}
	return list
}

func TestTunnelsAnswerAsTheirTwinDoes(t *testing.T) {
	l := newLab(t)
	rng := rand.New(rand.NewPCG(3, 4))
	addrs := []netip.Addr{addr4a, addr4b, addr6a, addr6b}
	mine := []Address{{addr4b, 0, macB}, {addr6b, 0, macB}, {addr4a, 7, macB}}
	tables, found := 0, 0
	for range 3000 {
		list := randomTunnels(rng, addrs)
		tunnels, err := NewTunnels(mine, list)
		if err != nil {
			continue // two are the same
		}
		tables++
		for range 8 {
			o := Outer{Type: list[rng.IntN(len(list))].Type, Key: uint32(rng.IntN(3)), DstPort: 0}
			o = over4(o)
			if rng.IntN(2) == 0 {
				o = over6(o)
			}
			if o.Src.Is4() && rng.IntN(3) == 0 {
				o.VLAN = 7
				o.Src, o.Dst = o.Dst, o.Src
			}
			if rng.IntN(8) == 0 {
				o.DstMAC[rng.IntN(6)] ^= 1 << rng.IntN(8)
			}
			port, word := o.Type.Port(), o.Key
			switch o.Type {
			case VXLAN:
				if rng.IntN(2) == 0 {
					o.DstPort, port = 8472, 8472
				}
			case GRE:
				o.HasKey = o.Key != 0 || rng.IntN(2) == 0
			case NVGRE:
				word = o.Key<<8 | entropy(innerUDP(0, 1), 14, 34)>>24
			case ERSPAN:
				o.ERSPAN.Version = 1
			}
			typ := o.Type
			if typ == NVGRE {
				typ = GRE
			}
			want := slowFind(mine, list, o.Src, Address{o.Dst, o.VLAN, o.DstMAC}, typ, port, word)
			for range 2 { // the second time the cache knows
				got := l.pop(tunnels, l.push(&o, innerUDP(0, 1)))
				// A GRE packet that is not as NVGRE has them may be found to be of an NVGRE tunnel and dropped.
				if got.port != want && got.why != BadHeader {
					t.Fatalf("%+v\nfrom %s to %s: port %d (%s), want %d\n%+v", list, o.Src, o.Dst, got.port, got.why, want, o)
				}
			}
			if want != 0 {
				found++
			}
		}
	}
	if tables < 300 || found < 1000 {
		t.Errorf("%d tables and %d packets found: that proves little", tables, found)
	}
}

func TestTunnelsThatCannotBe(t *testing.T) {
	mine := []Address{{addr4b, 0, macB}, {addr6b, 0, macB}}
	same := Tunnel{Port: 1, Type: VXLAN, Key: 1}
	other := same
	other.Port = 2
	flow := other
	flow.LocalByFlow = true
	for _, c := range []struct {
		name string
		list []Tunnel
		want string
	}{
		{"two that nothing tells apart", []Tunnel{same, other}, "tunnels of ports 1 and 2: packets of both have the same addresses and key"},
		{"any local address and one by flow", []Tunnel{same, flow}, ""},
		{"a tunnel that ends elsewhere", []Tunnel{{Type: GRE, Local: addr4a}}, ""},
		{"no type", []Tunnel{{Port: 3}}, "tunnel of port 3: type 0: there is no such type"},
		{"a key that is too large", []Tunnel{{Port: 3, Type: VXLAN, Key: 1 << 24}}, "tunnel of port 3: key 16777216: want at most 16777215"},
		{"a key and any", []Tunnel{{Port: 3, Type: VXLAN, Key: 1, AnyKey: true}}, "tunnel of port 3: key 1: it is any"},
		{"a UDP port without UDP", []Tunnel{{Port: 3, Type: GRE, UDPPort: 1}}, "tunnel of port 3: UDP port 1: gre has none"},
		{"two families", []Tunnel{{Port: 3, Type: GRE, Local: addr4b, Remote: addr6a}}, "tunnel of port 3: from 2001:db8::1 to 192.0.2.2: want addresses of one family"},
		{"an address that is any", []Tunnel{{Port: 3, Type: GRE, Local: addr4b, LocalByFlow: true}}, "tunnel of port 3: local address 192.0.2.2: it is any"},
		{"two types on a UDP port", []Tunnel{{Port: 1, Type: VXLAN}, {Port: 2, Type: Geneve, UDPPort: 4789}}, "UDP port 4789: it is used by vxlan and by geneve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewTunnels(mine, c.list)
			if got := errorText(err); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAsManyUDPPortsAsFit(t *testing.T) {
	l := newLab(t)
	var list []Tunnel
	for i := range MaxPorts {
		list = append(list, Tunnel{Port: uint32(i + 1), Type: VXLAN, UDPPort: uint16(1000 + i*256)})
	}
	tunnels, err := NewTunnels([]Address{{addr4b, 0, macB}}, list)
	if err != nil {
		t.Fatal(err)
	}
	if tunnels.Len() != MaxPorts {
		t.Errorf("%d tunnels, want %d", tunnels.Len(), MaxPorts)
	}
	for i := range list {
		o := over4(Outer{Type: VXLAN, DstPort: list[i].UDPPort})
		if got := l.pop(tunnels, l.push(&o, innerUDP(0, 1))); got.port != list[i].Port {
			t.Errorf("UDP port %d: port %d, want %d", list[i].UDPPort, got.port, list[i].Port)
		}
	}
	list = append(list, Tunnel{Type: VXLAN, UDPPort: 999})
	if _, err := NewTunnels([]Address{{addr4b, 0, macB}}, list); errorText(err) != "UDP ports: tunnels use more than 128" {
		t.Errorf("got %v", err)
	}
}

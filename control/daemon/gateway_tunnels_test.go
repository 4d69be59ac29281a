package daemon

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

// newRouter returns a host whose bridge routes between its guests' network, 10.0.n.0/24, and another of all hosts,
// 10.9.0.0/24, which a tunnel leads to; networks of other hosts' guests are behind their addresses there.
func newRouter(t *testing.T, n, other int, tunnel, sections string) *host {
	t.Helper()
	return newHostOf(t, fmt.Sprintf("{name: u, type: memory, underlay: {address: 192.0.2.%d/24, mtu: 1500, mac: '02:00:00:00:01:%02d'}}", n, n), fmt.Sprintf(`
  - name: gw
    table: gateway
    ports:
      - {name: p, type: memory}
      - {name: t, %[3]s}
    gateway:
      interfaces:
        - {name: lan, ports: [p], mac: '02:00:00:00:0a:%02[1]d', addresses: [10.0.%[1]d.1/24, 'fd00:%[1]d::1/64']}
        - {name: core, ports: [t], mac: '02:00:00:00:0b:%02[1]d', addresses: [10.9.0.%[1]d/24, 'fd00:9::%[1]d/64']}
      routes:
        - {to: 10.0.%[2]d.0/24, via: 10.9.0.%[2]d}
        - {to: 'fd00:%[2]d::/64', via: 'fd00:9::%[2]d'}
`, n, other, tunnel), sections)
}

// behind is the Ethernet address of the guest behind router n, and lan that of the router's own on its side.
func behind(n byte) [6]byte { return [6]byte{2, 0, 0, 0, 0, n} }
func lan(n byte) [6]byte    { return [6]byte{2, 0, 0, 0, 0x0a, n} }

// across returns a UDP packet with size bytes of payload, from the guest of router 1 to that of router 2, which may not be cut.
func across(v6 bool, size int) []byte {
	src, dst := "10.0.1.2", "10.0.2.2"
	if v6 {
		src, dst = "fd00:1::2", "fd00:2::2"
	}
	b := wire.NewIP(lan(1), behind(1), netip.MustParseAddr(src), netip.MustParseAddr(dst), wire.ProtoUDP, wire.UDPSize+size)
	u := b[len(b)-wire.UDPSize-size:]
	binary.BigEndian.PutUint16(u[wire.UDPLength:], uint16(len(u)))
	return b
}

// announce has the guest of a router say who it is, so that the router need not ask.
func (h *host) announce(n byte) {
	h.t.Helper()
	v4, gw := netip.AddrFrom4([4]byte{10, 0, n, 2}), netip.AddrFrom4([4]byte{10, 0, n, 1})
	h.send("p", wire.NewARP(wire.Broadcast, wire.ARPRequest, behind(n), v4, [6]byte{}, gw))
	a := netip.MustParseAddr(fmt.Sprintf("fd00:%d::2", n))
	own := netip.MustParseAddr(fmt.Sprintf("fd00:%d::1", n))
	group, mac := wire.SolicitedNode(own)
	h.send("p", wire.NewND(mac, behind(n), a, group, wire.NDSolicit, 0, own))
	h.got()
}

func TestGatewaysRouteThroughTunnels(t *testing.T) {
	flood := "profiles: [{name: dc, lookup: {kind: learn, options: {flood: [192.0.2.1, 192.0.2.2]}}}]"
	for _, c := range []struct{ name, tunnel, sections string }{
		{"from point to point", "type: vxlan, options: {remote_ip: 192.0.2.%d, key: 7}", ""},
		{"over GENEVE", "type: geneve, options: {remote_ip: 192.0.2.%d, key: 7}", ""},
		{"over GRE", "type: gre, options: {remote_ip: 192.0.2.%d}", ""},
		{"by flood and learn", "type: vxlan, options: {remote_ip: lookup, profile: dc, key: 7}", flood},
	} {
		t.Run(c.name, func(t *testing.T) {
			tunnel := func(other int) string {
				if c.sections != "" {
					return c.tunnel
				}
				return fmt.Sprintf(c.tunnel, other)
			}
			a, b := newRouter(t, 1, 2, tunnel(2), c.sections), newRouter(t, 2, 1, tunnel(1), c.sections)
			connect(a, b)
			a.announce(1)
			b.announce(2)
			for _, v6 := range []bool{false, true} {
				a.send("p", across(v6, 100))
				want := across(v6, 100)
				dst, src := behind(2), lan(2)
				copy(want, dst[:])
				copy(want[wire.EthSrc:], src[:])
				if v6 {
					want[wire.EthernetSize+wire.IPv6HopLimit] -= 2
				} else {
					wire.SetTTL(want, wire.EthernetSize, want[wire.EthernetSize+wire.IPv4TTL]-2, 0xff)
				}
				wantOne(t, fmt.Sprintf("IPv6 %t", v6), want, []*host{b}, a)
			}
		})
	}
}

func TestASenderBehindAGatewayIsToldWhatItsTunnelTakes(t *testing.T) {
	a, b := newRouter(t, 1, 2, "type: vxlan, options: {remote_ip: 192.0.2.2, key: 7}", ""), newRouter(t, 2, 1, "type: vxlan, options: {remote_ip: 192.0.2.1, key: 7}", "")
	connect(a, b)
	a.announce(1)
	b.announce(2)
	a.send("p", across(false, 100))
	a.send("p", across(true, 100))
	b.got()
	for _, v6 := range []bool{false, true} {
		a.send("p", across(v6, 1470))
		if got := b.got(); len(got) != 0 {
			t.Errorf("IPv6 %t: the packet arrives", v6)
		}
		got := a.got()
		if len(got) != 1 {
			t.Fatalf("IPv6 %t: %d messages", v6, len(got))
		}
		m, typ := got[0][wire.EthernetSize+wire.IPv4Size:], byte(3)
		if v6 {
			m, typ = got[0][wire.EthernetSize+wire.IPv6Size:], 2
		}
		if mtu := binary.BigEndian.Uint32(m[4:]); m[0] != typ || mtu != 1450-24 && mtu != 1450 || [6]byte(got[0]) != behind(1) {
			t.Errorf("IPv6 %t: type %d, MTU %d, to % x", v6, m[0], mtu, got[0][:6])
		}
	}
}

// TestAGatewaySegmentReachesOverTheOverlay: guests of one network on two hosts, and the gateway's address on one of them.
func TestAGatewaySegmentReachesOverTheOverlay(t *testing.T) {
	profile := "profiles: [{name: dc, lookup: {kind: learn, options: {flood: [192.0.2.1, 192.0.2.2]}}}]"
	a := newHostOf(t, "{name: u, type: memory, underlay: {address: 192.0.2.1/24, mac: '02:00:00:00:01:01'}}", `
  - name: gw
    table: gateway
    ports:
      - {name: p, type: memory}
      - {name: t, type: vxlan, options: {remote_ip: lookup, profile: dc, key: 7}}
    gateway:
      interfaces: [{name: lan, ports: [p, t], mac: '02:00:00:00:0a:01', addresses: [10.0.1.1/24]}]
`, profile)
	b := newSite(t, 2, profile[len("profiles: [{name: dc, "):len(profile)-2])
	connect(a, b)
	b.send("p", wire.NewARP(wire.Broadcast, wire.ARPRequest, behind(2), netip.MustParseAddr("10.0.1.2"), [6]byte{}, netip.MustParseAddr("10.0.1.1")))
	got := b.got()
	if len(got) != 1 || [6]byte(got[0]) != behind(2) || [6]byte(got[0][6:]) != lan(1) || got[0][21] != wire.ARPReply {
		t.Errorf("the gateway's answer: % x", got)
	}
	there, back := guestFrame(1, 2, 100), guestFrame(2, 1, 90)
	a.send("p", there)
	wantOne(t, "from beside the gateway", there, []*host{b}, a)
	b.send("p", back)
	wantOne(t, "from behind the tunnel", back, []*host{a}, b)
}

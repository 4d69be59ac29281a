//go:build integration

package overlay

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest/inside"
)

// routed is a daemon whose inside bridge routes between alice's network, 0, and that beyond the tunnel, 1. It is host 9 of both.
const routed = `frames: {hugepages: never}
workers: {count: 1}
bridges:
  - name: inside
    table: gateway
    ports:
      - {name: p1, type: afxdp}
      - {name: tun, type: vxlan, options: {%s}}
    gateway:
      interfaces:
        - {name: near, ports: [p1], addresses: [10.88.0.9/24, "fd88::9/64"]}
        - {name: there, ports: [tun], addresses: [10.88.1.9/24, "fd88:1::9/64"]}
  - name: outside
    ports:
      - {name: wan, type: afxdp, underlay: {address: [%s/24, "%s/64"]}}
`

// Hosts in two networks, one of them behind a VXLAN, and what the gateway between them says to who sends too much.
func TestAGatewayRoutesToHostsBehindTheKernelsVXLAN(t *testing.T) {
	need(t, missingTshark)
	s := newSite(t, plan{inner: 1500}, time.Minute)
	c := s.capture()
	beyond := s.host(s.far.Namespace)
	must(t, beyond.AddTunnel(s.ctx, inside.Tunnel{Name: device, Type: "vxlan", Local: far4, Remote: near4, Key: 42, Port: vxlanPort}))
	s.link(beyond, device, s.inner, overlay(1, 2))
	for i := range overlay(0, 9) {
		must(t, s.home.AddRoute(overlay(1, 0)[i].Masked(), overlay(0, 9)[i].Addr()))
		must(t, s.far.AddRoute(overlay(0, 0)[i].Masked(), overlay(1, 9)[i].Addr()))
	}
	s.run(fmt.Sprintf(routed, "remote_ip: 10.77.0.2, key: 42", near4, near6))
	for _, a := range []netip.Prefix{overlay(0, 9)[0], overlay(0, 9)[1], overlay(1, 9)[0], overlay(1, 9)[1]} {
		s.reach(s.alice, a.Addr(), 0)
		s.reach(beyond, a.Addr(), 0)
	}
	s.exerciseWays(s.ways(beyond, 0, 1))
	s.stop()
	c.judge(s, 100)
}

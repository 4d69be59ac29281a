//go:build integration

package overlay

import (
	"fmt"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/traffic"
)

// device is what far calls its end of the tunnel.
const device = "tun0"

// kernel makes the far end a tunnel device of the kernel.
func (s *site) kernel(t inside.Tunnel) *guest.Host {
	s.Helper()
	h := s.host(s.far.Namespace)
	t.Name = device
	must(s.T, h.AddTunnel(s.ctx, t))
	s.link(h, device, s.inner, overlay(0, 2))
	return h
}

func TestVXLANWithTheKernel(t *testing.T) {
	need(t, missingTshark)
	vxlan4 := inside.Tunnel{Type: "vxlan", Local: far4, Remote: near4, Key: 42, Port: vxlanPort}
	vxlan6 := inside.Tunnel{Type: "vxlan", Local: far6, Remote: near6, Key: 42, Port: vxlanPort}
	tests := []struct {
		name    string
		plan    plan
		far     inside.Tunnel
		summed  bool
		options string
	}{
		{"IPv4 without checksums", plan{}, vxlan4, false, "remote_ip: 10.77.0.2, key: 42"},
		{"IPv4 with checksums", plan{}, vxlan4, true, "remote_ip: 10.77.0.2, local_ip: 10.77.0.100, key: 42, csum: true"},
		{"IPv6 with checksums", plan{}, vxlan6, true, `remote_ip: "fd77::2", key: 42`},
		{"IPv6 without checksums", plan{}, vxlan6, false, `remote_ip: "fd77::2", key: 42, csum: false`},
		{"underlay with an MTU of 9000", plan{mtu: 9000, inner: 8900}, vxlan4, true, "remote_ip: 10.77.0.2, key: 42, csum: true"},
		{"underlay of IPv6 with an MTU of 9000", plan{mtu: 9000, inner: 8900}, vxlan6, false, `remote_ip: "fd77::2", key: 42, csum: false`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, test.plan, 2*time.Minute)
			c := s.capture()
			test.far.Checksum = test.summed
			beyond := s.kernel(test.far)
			s.start("vxlan", test.options)
			s.exercise(beyond, 0)
			s.stop()
			c.judge(s, 100)
		})
	}
}

// The far end's kernel marks what it receives with the group, and answers pings with the mark of the question.
func TestGroupPolicyWithTheKernel(t *testing.T) {
	need(t, missingTshark)
	const group = 0x123
	for name, ends := range map[string]struct {
		far     inside.Tunnel
		options string
	}{
		"IPv4": {inside.Tunnel{Local: far4, Remote: near4}, "remote_ip: 10.77.0.2"},
		"IPv6": {inside.Tunnel{Local: far6, Remote: near6, Checksum: true}, `remote_ip: "fd77::2"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, plan{rules: []string{
				"priority=2,arp,actions=NORMAL",
				"priority=2,icmp6,icmp_type=135,actions=NORMAL", "priority=2,icmp6,icmp_type=136,actions=NORMAL",
				fmt.Sprintf("priority=1,in_port=p1,actions=set_field:%#x->tun_gbp_id,output:tun", group),
				fmt.Sprintf("priority=1,in_port=tun,tun_gbp_id=%#x,actions=output:p1", group),
			}}, time.Minute)
			c := s.capture()
			ends.far.Type, ends.far.Key, ends.far.Port, ends.far.Groups = "vxlan", 7, vxlanPort, true
			beyond := s.kernel(ends.far)
			for _, f := range []string{"/proc/sys/net/ipv4/fwmark_reflect", "/proc/sys/net/ipv6/fwmark_reflect"} {
				must(t, beyond.Write(s.ctx, f, "1"))
			}
			s.start("vxlan", ends.options+", key: 7, exts: [gbp]")
			for _, a := range overlay(0, 2) {
				s.reach(s.alice, a.Addr(), 0)
				e, err := s.alice.Ping(s.ctx, a.Addr(), traffic.Ping{Count: 5, Timeout: patience})
				if err != nil || e.Lost() > 0 {
					t.Errorf("ping %s: %s, %v", a, e, err)
				}
			}
			s.stop()
			c.judge(s, 2, fmt.Sprintf("vxlan.gbp == %d", group))
		})
	}
}

// Neither end has an MTU that leaves room for the tunnel's headers. The switch tells alice; the far end's kernel cuts its
// outer packets into fragments, which the switch puts together.
func TestHostsThatKnowNothingOfTheTunnelsMTU(t *testing.T) {
	need(t, missingTshark)
	s := newSite(t, plan{inner: 1500}, time.Minute)
	c := s.capture()
	beyond := s.kernel(inside.Tunnel{Type: "vxlan", Local: far4, Remote: near4, Key: 42, Port: vxlanPort, Checksum: true})
	s.start("vxlan", "remote_ip: 10.77.0.2, key: 42, csum: true")
	s.exercise(beyond, 0)
	s.stop()
	c.judge(s, 100)
}

// The other way: outer packets are cut here.
func TestOuterFragmentsOfTheSwitchArePutTogetherByTheKernel(t *testing.T) {
	need(t, missingTshark)
	for name, ends := range map[string]struct {
		far     inside.Tunnel
		options string
	}{
		"IPv4": {inside.Tunnel{Local: far4, Remote: near4}, "remote_ip: 10.77.0.2, df_default: false"},
		"IPv6": {inside.Tunnel{Local: far6, Remote: near6}, `remote_ip: "fd77::2"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, plan{inner: 1500}, 2*time.Minute)
			c := s.capture()
			ends.far.Type, ends.far.Key, ends.far.Port, ends.far.Checksum = "vxlan", 42, vxlanPort, true
			beyond := s.kernel(ends.far)
			s.start("vxlan", ends.options+", key: 42, csum: true, mtu_action: fragment")
			s.exercise(beyond, 0)
			s.stop()
			c.judge(s, 100)
		})
	}
}

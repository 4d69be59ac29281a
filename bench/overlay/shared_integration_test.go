//go:build integration

package overlay

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
)

// A sharedSite is one where the underlay's port belongs to the kernel of the switch's namespace, with its addresses, and
// the switch takes only packets of tunnels from it.
type sharedSite struct {
	*site
	host   *guest.Host // the kernel that has the port, too
	beyond *guest.Host
}

// kernelsAddresses are those of the port, which the kernel has.
var kernelsAddresses = []netip.Prefix{netip.PrefixFrom(near4, 24), netip.PrefixFrom(near6, 64)}

func newSharedSite(t *testing.T, driver string) *sharedSite {
	t.Helper()
	s := &sharedSite{site: newSite(t, plan{}, 2*time.Minute)}
	s.host = s.site.host(s.lab.Switch)
	s.link(s.host, "wan", 0, kernelsAddresses)
	// The far end is at an address that only a route leads to.
	must(t, s.far.AddAddress("lo", behind))
	must(t, s.lab.Switch.AddRoute(behind, far4))
	s.beyond = s.kernel(inside.Tunnel{Type: "vxlan", Local: behind.Addr(), Remote: near4, Key: key, Port: vxlanPort, Checksum: true})
	s.run("frames: {hugepages: never}\nworkers: {count: 1}\nbridges:\n" +
		"  - name: inside\n    ports:\n      - {name: p1, type: afxdp}\n" +
		"      - {name: tun, type: vxlan, options: {remote_ip: " + behind.Addr().String() + ", key: 42, csum: true}}\n" +
		"  - name: outside\n    ports:\n      - {name: wan, type: " + driver + ", underlay: {kernel: true}}\n")
	return s
}

// hostGoesOn checks that the host's own connections use the port as before.
func (s *sharedSite) hostGoesOn() {
	s.Helper()
	far := s.site.host(s.far.Namespace)
	for _, w := range []way{{far, s.host, near4}, {s.host, far, far4}, {far, s.host, near6}, {s.host, far, far6}} {
		s.reach(w.from, w.to, 0)
		if _, err := guest.Bulk(s.ctx, w.from, w.at, w.to, 200*time.Millisecond); err != nil {
			s.Error(err)
		}
	}
}

// at is the host beyond the tunnel.
func at() netip.Addr { return overlay(0, 2)[0].Addr() }

// unreached waits until the host beyond the tunnel is not to be reached any more.
func (s *sharedSite) unreached() {
	s.Helper()
	s.eventually("the tunnel has nowhere to go", func() bool {
		e, _ := s.alice.Ping(s.ctx, at(), traffic.Ping{Count: 1, Timeout: 100 * time.Millisecond})
		return e.Received == 0
	})
}

func TestAPortIsSharedWithTheKernel(t *testing.T) {
	need(t)
	for _, driver := range []string{"afxdp", "afpacket"} {
		t.Run(driver, func(t *testing.T) {
			s := newSharedSite(t, driver)
			s.reach(s.alice, at(), 0)
			done := make(chan error, 1)
			go func() {
				_, err := guest.Bulk(s.ctx, s.alice, s.beyond, at(), time.Second)
				done <- err
			}()
			s.hostGoesOn()
			must(t, <-done)
			s.exercise(s.beyond, 0)
			s.stop()
			s.hostGoesOn()
		})
	}
}

func TestTheKernelsChangesAreFollowed(t *testing.T) {
	need(t)
	s := newSharedSite(t, "afxdp")
	sw := s.lab.Switch
	s.reach(s.alice, at(), 0)

	must(t, sw.DelRoute(behind))
	s.unreached()
	must(t, sw.AddRoute(behind, far4))
	s.reach(s.alice, at(), 0)

	// The far end has another Ethernet address, of which the kernel is told and nobody else.
	mac := net.HardwareAddr{2, 0x99, 0, 0, 0, 1}
	must(t, s.far.SetMAC(lab.HostLink, mac))
	must(t, sw.SetNeighbour("wan", far4, mac))
	s.reach(s.alice, at(), 0)

	// The host has another address in place of that which tunnels have used.
	other := netip.MustParsePrefix("10.77.0.101/24")
	must(t, sw.DelAddress("wan", kernelsAddresses[0]))
	s.unreached()
	must(t, sw.AddAddress("wan", other))
	must(t, sw.AddRoute(behind, far4)) // it went with the address
	s.reach(s.alice, at(), 0)
	s.reach(s.site.host(s.far.Namespace), other.Addr(), 0)
	s.stop()
}

// A device that is gone and made anew is another one to the kernel.
func TestADeviceThatIsMadeAnewIsFollowed(t *testing.T) {
	need(t)
	s := newSharedSite(t, "afxdp")
	s.reach(s.alice, at(), 0)
	must(t, s.lab.Switch.DelLink("wan"))
	s.unreached()
	must(t, s.far.Connect())
	s.link(s.host, "wan", 0, kernelsAddresses)
	must(t, s.lab.Switch.AddRoute(behind, far4))
	s.reach(s.alice, at(), 0)
	s.hostGoesOn()
	s.stop()
}

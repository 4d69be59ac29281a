//go:build integration

package overlay

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
)

// Links of a router: to the switch and to the far end.
const near, back = "near", "back"

// A router forwards between the switch's port wanN and the far end, N being its number from 1.
type router struct {
	*lab.Namespace
	s      *site
	n      byte
	prefix netip.Prefix // its address on the switch's side
}

// wan returns the address of the switch, 100, or a router, 1, on the switch's side of a router.
func wan(n, host byte) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, n, host}), 24)
}

// behind is where the far end's tunnel device is: beyond all routers.
var behind = netip.MustParsePrefix("198.51.100.2/32")

// routed starts the daemon with a tunnel to a far end that is behind routers, each on a port of its own and all equal,
// and returns them with the far end's namespace.
func (s *site) routed(routers int) (all []*router, far *lab.Namespace) {
	s.Helper()
	far = s.namespace("far")
	must(s.T, far.AddAddress("lo", behind))
	var b strings.Builder
	b.WriteString("frames: {hugepages: never}\nworkers: {count: 1}\nbridges:\n  - name: inside\n    ports:\n      - {name: p1, type: afxdp}\n")
	fmt.Fprintf(&b, "      - {name: tun, type: vxlan, options: {remote_ip: %s, key: %d}}\n  - name: outside\n    ports:\n", behind.Addr(), key)
	for n := byte(1); n <= byte(routers); n++ {
		all = append(all, s.router(n, far))
		fmt.Fprintf(&b, "      - {name: wan%d, type: afxdp, underlay: {address: %s, gateway: %s}}\n", n, wan(n, 100), wan(n, 1).Addr())
	}
	h := s.host(far)
	must(s.T, h.AddTunnel(s.ctx, inside.Tunnel{Name: device, Type: "vxlan", Local: behind.Addr(), Remote: wan(1, 100).Addr(), Key: key, Port: vxlanPort}))
	s.link(h, device, s.inner, overlay(0, 2))
	s.run(b.String())
	s.reach(s.alice, overlay(0, 2)[0].Addr(), 0)
	return all, far
}

func (s *site) namespace(name string) *lab.Namespace {
	s.Helper()
	n, err := lab.NewNamespace(name)
	must(s.T, err)
	s.Cleanup(func() { must(s.T, n.Close()) })
	return n
}

func (s *site) router(n byte, far *lab.Namespace) *router {
	s.Helper()
	r := &router{s.namespace(fmt.Sprint("router ", n)), s, n, wan(n, 1)}
	end := fmt.Sprint("r", n)
	must(s.T, s.lab.Switch.Join(fmt.Sprint("wan", n), r.Namespace, near, lab.Link{}))
	must(s.T, far.Join(end, r.Namespace, back, lab.Link{}))
	h := s.host(r.Namespace)
	must(s.T, h.Write(s.ctx, "/proc/sys/net/ipv4/ip_forward", "1"))
	mine, theirs := netip.AddrFrom4([4]byte{10, 99, n, 1}), netip.AddrFrom4([4]byte{10, 99, n, 2})
	s.link(h, near, 0, []netip.Prefix{r.prefix})
	s.link(h, back, 0, []netip.Prefix{netip.PrefixFrom(mine, 24)})
	must(s.T, far.AddAddress(end, netip.PrefixFrom(theirs, 24)))
	must(s.T, far.AddRoute(r.prefix.Masked(), mine))
	must(s.T, r.AddRoute(behind, theirs))
	return r
}

// replace makes the router one with another Ethernet address, which tells nobody.
func (r *router) replace(try int) {
	r.s.Helper()
	must(r.s.T, r.SetMAC(near, net.HardwareAddr{2, 0x99, 0, 0, r.n, byte(try)}))
}

// die makes the router one that takes nothing and answers nobody, on a link that stays up.
func (r *router) die(try int) {
	r.s.Helper()
	must(r.s.T, r.DelAddress(near, r.prefix))
	r.replace(try)
}

// revive undoes that and waits until the router is on the way again.
func (r *router) revive(int) {
	r.s.Helper()
	must(r.s.T, r.AddAddress(near, r.prefix))
	r.carries()
}

// carries waits until packets to the far end pass the router.
func (r *router) carries() {
	r.s.Helper()
	before := r.passed()
	r.s.eventually(r.Name()+" is on the way", func() bool { return r.passed() > before+100 })
}

// passed returns how many packets the router has sent to the far end.
func (r *router) passed() uint64 {
	r.s.Helper()
	c, err := r.Count(back)
	must(r.s.T, err)
	return c.TxPackets
}

// onTheWay returns which of two routers the tunnel goes by: all of a tunnel takes one way.
func (s *site) onTheWay(a, b *router) *router {
	s.Helper()
	beforeA, beforeB := a.passed(), b.passed()
	var found *router
	s.eventually("one of two routers is on the way", func() bool {
		switch {
		case a.passed() > beforeA+100:
			found = a
		case b.passed() > beforeB+100:
			found = b
		}
		return found != nil
	})
	return found
}

func TestARouterThatIsReplacedIsFollowedWithinASecond(t *testing.T) {
	need(t)
	s := newBareSite(t, plan{}, 2*time.Minute)
	routers, far := s.routed(1)
	p := s.pulse(far, overlay(0, 2)[0].Addr())
	s.flowing(p, p.now())
	s.followed(p, "a router has another Ethernet address", routers[0].replace, func(int) {})
	s.stop()
}

func TestARouterThatDiesLeavesItsFlowsToTheOtherWithinASecond(t *testing.T) {
	need(t)
	s := newBareSite(t, plan{}, 3*time.Minute)
	routers, far := s.routed(2)
	p := s.pulse(far, overlay(0, 2)[0].Addr())
	r := s.onTheWay(routers[0], routers[1])
	s.followed(p, "one of two equal routers is dead", r.die, r.revive)
	r.revive(0)
	s.stop()
}

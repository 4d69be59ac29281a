//go:build integration

package datapath_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/underlay/kernel"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/afpacket"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
	"github.com/culvertdev/culvert/pmd/xsk"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A sharedLab is a switch that shares a device with a kernel, and a host at the other end of it.
type sharedLab struct {
	*underlayLab
	here, there *nstest.NS
}

func newSharedLab(t *testing.T, driver func(l *lab) pmd.Driver, options map[string]string) *sharedLab {
	t.Helper()
	s := &sharedLab{here: nstest.New(t), there: nstest.New(t)}
	s.here.Veth("veth0", s.there, "eth0", 1500, 1)
	s.here.Set("veth0", 0, "10.0.0.1/24", "fd00::1/64")
	s.there.Set("eth0", 0, "10.0.0.2/24", "fd00::2/64")
	var follower *kernel.Follower
	s.underlayLab = newUnderlayLabWith(t, underlay.Options{AskKernel: func(_ string, a netip.Addr) { follower.Ask(a) }}, underlay.Config{})
	s.here.Do(func() (err error) {
		follower, err = kernel.New(s.stack, "up", "veth0", slog.New(slog.NewTextHandler(t.Output(), nil)))
		return err
	})
	if err := s.stack.SetConfig(underlay.Config{Interfaces: []underlay.Interface{{Port: "up", Kernel: true}}}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		follower.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	var dev pmd.Port
	s.here.Do(func() (err error) {
		dev, err = driver(s.lab).Open(t.Context(), "veth0", options)
		return err
	})
	if err := s.sw.AddDevice("br0", datapath.PortConfig{Name: "up"}, dev); err != nil {
		t.Fatal(err)
	}
	s.table.Refresh()
	s.sw.Sync()
	vxlan := pmd.TunnelEnd{Addr: netip.MustParseAddr("10.0.0.1"), Proto: wire.ProtoUDP, Port: 4789}
	if err := s.sw.Share("up", []pmd.TunnelEnd{vxlan}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAPortIsSharedWithTheKernel: the switch finds its ways by what the kernel knows and gets packets of tunnels, while
// the host's own connections use the same device.
func TestAPortIsSharedWithTheKernel(t *testing.T) {
	discard := slog.New(slog.DiscardHandler)
	for name, c := range map[string]struct {
		driver  func(l *lab) pmd.Driver
		options map[string]string
	}{
		"AF_XDP":    {func(l *lab) pmd.Driver { return xsk.New(l.pool, discard) }, map[string]string{xsk.OptPass: "shared"}},
		"AF_PACKET": {func(l *lab) pmd.Driver { return afpacket.New(l.pool, discard) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSharedLab(t, c.driver, c.options)
			s.here.TCP(s.there, "10.0.0.1", 1<<20)
			s.there.TCP(s.here, "fd00::2", 1<<20)
			s.there.Ping("10.0.0.1", 56)
			s.way("10.0.0.2", macOf(s.there))
			s.way("fd00::2", macOf(s.there))
			s.tunnelPackets(t)
			s.routes(t)
			s.onLoopback(t)
			s.otherDevices(t)
			s.rules(t)
		})
	}
}

// tunnelPackets checks that packets of tunnels come to the switch, which has none in this test and drops them.
func (s *sharedLab) tunnelPackets(t *testing.T) {
	t.Helper()
	var c net.Conn
	s.there.Do(func() (err error) { c, err = net.Dial("udp", "10.0.0.1:4789"); return err })
	defer c.Close()
	before := value(s.sw.Stats().Drops, "to_host")
	eventually(t, "the switch gets packets of tunnels", func() bool {
		_, _ = c.Write([]byte("to a tunnel"))
		return value(s.sw.Stats().Drops, "to_host") > before
	})
}

// routes checks that addresses and routes of the kernel are followed as they come and go.
func (s *sharedLab) routes(t *testing.T) {
	t.Helper()
	var route netlink.Route
	s.here.Do(func() error {
		link, err := netlink.LinkByName("veth0")
		if err != nil {
			return err
		}
		_, to, _ := net.ParseCIDR("192.0.2.0/24")
		route = netlink.Route{LinkIndex: link.Attrs().Index, Dst: to, Gw: net.ParseIP("10.0.0.2")}
		return netlink.RouteAdd(&route)
	})
	s.way("192.0.2.9", macOf(s.there))
	s.here.Do(func() error { return netlink.RouteDel(&route) })
	eventually(t, "a route that is gone is forgotten", func() bool {
		_, st := s.stack.Route(netip.MustParseAddr("192.0.2.9"), netip.Addr{}, 0, 0)
		return st == underlay.NoRoute
	})
	s.here.Set("veth0", 0, "10.0.7.1/24")
	eventually(t, "a new address is followed", func() bool {
		_, st := s.stack.Route(netip.MustParseAddr("10.0.7.1"), netip.Addr{}, 0, 0)
		return st == underlay.Local
	})
	s.here.Do(func() error {
		link, err := netlink.LinkByName("veth0")
		if err != nil {
			return err
		}
		return netlink.NeighSet(&netlink.Neigh{LinkIndex: link.Attrs().Index, IP: net.ParseIP("10.0.7.2"), State: unix.NUD_PERMANENT,
			HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 0x72}})
	})
	s.way("10.0.7.2", net.HardwareAddr{2, 0, 0, 0, 0, 0x72})
}

// onLoopback checks that an address of the device lo, by which hosts are reached that speak BGP, is followed, and is no way.
func (s *sharedLab) onLoopback(t *testing.T) {
	t.Helper()
	const addr = "198.18.0.1"
	s.here.Set("lo", 0, addr+"/32")
	local := func() bool {
		_, st := s.stack.Route(netip.MustParseAddr(addr), netip.Addr{}, 0, 0)
		return st == underlay.Local
	}
	eventually(t, "an address of lo is the host's", local)
	w, st := s.stack.Route(netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr(addr), 0, 0)
	if st != underlay.OK || w.Src.String() != addr {
		t.Errorf("from it: %v, %+v", st, w)
	}
	if w, _ := s.stack.Route(netip.MustParseAddr("10.0.0.2"), netip.Addr{}, 0, 0); w.Src.String() != "10.0.0.1" {
		t.Errorf("packets come from %v, want the device's own address", w.Src)
	}
	if _, st := s.stack.Route(netip.MustParseAddr("198.18.0.2"), netip.Addr{}, 0, 0); st != underlay.NoRoute {
		t.Errorf("to another address beside it: %v", st)
	}
	s.here.Do(func() error {
		link, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(addr + "/32")
		if err != nil {
			return err
		}
		return netlink.AddrDel(link, a)
	})
	eventually(t, "an address of lo that is gone is forgotten", func() bool { return !local() })
}

// setUp has a device go up or down.
func (s *sharedLab) setUp(device string, up bool) {
	s.here.Do(func() error {
		link, err := netlink.LinkByName(device)
		switch {
		case err != nil:
			return err
		case up:
			return netlink.LinkSetUp(link)
		}
		return netlink.LinkSetDown(link)
	})
}

// withoutIPv6 takes a device's IPv6 addresses: the kernel says of them that they go with the device, and of IPv4 nothing.
func (s *sharedLab) withoutIPv6(device string) {
	s.here.Do(func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/"+device+"/disable_ipv6", []byte("1"), 0) })
}

// otherDevices checks that devices which go up and down are followed, though they are not the port's: those whose addresses are
// the host's, and those that packets leave by while they are up.
func (s *sharedLab) otherDevices(t *testing.T) {
	t.Helper()
	const addr = "198.18.0.3"
	s.here.Set("lo", 0, addr+"/32")
	status := func(addr string) underlay.Status {
		_, st := s.stack.Route(netip.MustParseAddr(addr), netip.Addr{}, 0, 0)
		return st
	}
	s.withoutIPv6("lo")
	for _, up := range []bool{true, false, true} {
		s.setUp("lo", up)
		eventually(t, fmt.Sprintf("an address of lo is the host's: %v", up), func() bool { return (status(addr) == underlay.Local) == up })
	}

	s.here.Veth("veth1", s.there, "eth1", 1500, 1)
	s.here.Set("veth1", 0, "10.0.8.1/24")
	s.withoutIPv6("veth1")
	s.there.Set("eth1", 0, "10.0.8.2/24")
	_, to, _ := net.ParseCIDR("203.0.113.0/24")
	s.here.Do(func() error {
		for _, r := range []struct {
			device, via string
			metric      int
		}{{"veth1", "10.0.8.2", 1}, {"veth0", "10.0.0.2", 50}} {
			link, err := netlink.LinkByName(r.device)
			if err != nil {
				return err
			}
			if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: to, Gw: net.ParseIP(r.via), Priority: r.metric}); err != nil {
				return err
			}
		}
		return nil
	})
	s.here.Set("lo", 0, "198.18.0.4/32") // seen after the routes
	eventually(t, "the routes are read", func() bool { return status("198.18.0.4") == underlay.Local })
	if st := status("203.0.113.9"); st != underlay.NoRoute {
		t.Errorf("another device has the better route, and packets leave by the port: %v", st)
	}
	s.setUp("veth1", false)
	eventually(t, "without that device the port's route is the best", func() bool { return status("203.0.113.9") == underlay.OK })
}

// rules checks that the kernel's rules about marks are followed as they come and go.
func (s *sharedLab) rules(t *testing.T) {
	t.Helper()
	const mark, table = 0x15, 100
	mask := uint32(0xff)
	rule := netlink.NewRule()
	rule.Mark, rule.Mask, rule.Table, rule.Priority, rule.Family = mark, &mask, table, 50, netlink.FAMILY_V4
	s.here.Do(func() error {
		link, err := netlink.LinkByName("veth0")
		if err != nil {
			return err
		}
		_, to, _ := net.ParseCIDR("198.51.100.0/24")
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: to, Gw: net.ParseIP("10.0.7.2"), Table: table}); err != nil {
			return err
		}
		return netlink.RuleAdd(rule)
	})
	is := func(mark uint32, want underlay.Status) func() bool {
		return func() bool {
			w, st := s.stack.Route(netip.MustParseAddr("198.51.100.9"), netip.Addr{}, mark, 0)
			return st == want && (st != underlay.OK || w.DstMAC == [6]byte{2, 0, 0, 0, 0, 0x72})
		}
	}
	eventually(t, "a mark with a rule goes by its table", is(0x300+mark, underlay.OK))
	if !is(0, underlay.NoRoute)() || !is(mark+1, underlay.NoRoute)() {
		t.Error("packets that the rule is not about go by its table, too")
	}
	s.here.Do(func() error { return netlink.RuleDel(rule) })
	eventually(t, "a rule that is gone is forgotten", is(0x300+mark, underlay.NoRoute))
}

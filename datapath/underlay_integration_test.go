//go:build integration

package datapath_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	ruleunderlay "github.com/culvertdev/culvert/datapath/rules/underlay"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/afpacket"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what should come within a second.
const patience = 30 * time.Second

// An underlayLab is a switch with an underlay, each port of which leads to a namespace.
type underlayLab struct {
	*lab
	stack *underlay.Stack
	table *ruleunderlay.Table
}

func newUnderlayLab(t *testing.T, c underlay.Config) *underlayLab {
	t.Helper()
	return newUnderlayLabWith(t, underlay.Options{}, c)
}

// newUnderlayLabWith makes a lab whose stack has options, but for the clock.
func newUnderlayLabWith(t *testing.T, o underlay.Options, c underlay.Config) *underlayLab {
	t.Helper()
	clock := cpu.NewClock()
	o.Clock = clock.Now
	stack := underlay.New(o)
	if err := stack.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	inner, err := openflow.New(openflow.Options{Clock: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	table := ruleunderlay.New(inner, stack)
	l := &underlayLab{newLab(t, datapath.Options{}, table), stack, table}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			stack.Tick()
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return l
}

// host returns a namespace whose device eth0 leads to a port of the switch, by a veth pair.
func (l *underlayLab) host(port string, addresses ...string) *nstest.NS {
	l.t.Helper()
	here, n := nstest.New(l.t), nstest.New(l.t)
	here.Veth("veth0", n, "eth0", 1500, 1)
	n.Set("eth0", 0, addresses...)
	var dev pmd.Port
	here.Do(func() (err error) {
		dev, err = afpacket.New(l.pool, slog.New(slog.DiscardHandler)).Open(l.t.Context(), "veth0", nil)
		return err
	})
	if err := l.sw.AddDevice("br0", datapath.PortConfig{Name: port}, dev); err != nil {
		l.t.Fatal(err)
	}
	return n
}

// way waits until packets to dst go by a next host with an Ethernet address, whatever their hash, and returns how long
// that took.
func (l *underlayLab) way(dst string, want net.HardwareAddr) time.Duration {
	l.t.Helper()
	start := time.Now()
	for time.Since(start) < patience {
		all := true
		for h := range uint64(64) {
			w, st := l.stack.Route(netip.MustParseAddr(dst), netip.Addr{}, 0, h)
			all = all && st == underlay.OK && bytes.Equal(w.DstMAC[:], want)
		}
		if all {
			return time.Since(start)
		}
		time.Sleep(5 * time.Millisecond)
	}
	w, st := l.stack.Route(netip.MustParseAddr(dst), netip.Addr{}, 0, 0)
	stats := l.sw.Stats()
	l.t.Fatalf("the way to %s is %v, to %x; want %v\nneighbours %v\ncounted %v\ndrops %v, slow path %v", dst, st, w.DstMAC, want,
		l.stack.Show().Neighbours, nonZero(l.stack.Samples()), nonZero(stats.Drops), nonZero(stats.SlowPath))
	return 0
}

// macOf returns the Ethernet address of a namespace.
func macOf(n *nstest.NS) (a net.HardwareAddr) {
	n.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err == nil {
			a = link.Attrs().HardwareAddr
		}
		return err
	})
	return a
}

// ping6 sends an ICMPv6 echo request and waits for the answer.
func ping6(t *testing.T, n *nstest.NS, addr string, size int) {
	t.Helper()
	var c *net.IPConn
	n.Do(func() (err error) {
		to, err := net.ResolveIPAddr("ip6", addr)
		if err == nil {
			c, err = net.DialIP("ip6:ipv6-icmp", nil, to)
		}
		return err
	})
	defer c.Close()
	request := make([]byte, 8+size)
	request[0] = 128
	binary.BigEndian.PutUint16(request[4:], 0x4356)
	buf := make([]byte, 65536)
	for start := time.Now(); time.Since(start) < patience; {
		if _, err := c.Write(request); err != nil {
			t.Fatalf("ping %s: %v", addr, err)
		}
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		for {
			k, _, err := c.ReadFrom(buf)
			if err != nil {
				break
			}
			if k == len(request) && buf[0] == 129 && bytes.Equal(buf[4:k], request[4:]) {
				return
			}
		}
	}
	t.Fatalf("ping %s: no answer", addr)
}

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// TestKernelsPingTheUnderlay: a real stack finds the underlay's addresses and gets answers of any size.
func TestKernelsPingTheUnderlay(t *testing.T) {
	l := newUnderlayLab(t, underlay.Config{Interfaces: []underlay.Interface{{Port: "up", Addresses: prefixes("10.0.0.1/24", "fd00::1/64")}}})
	n := l.host("up", "10.0.0.2/24", "fd00::2/64")
	n.Ping("10.0.0.1", 56)
	n.Ping("10.0.0.1", 1472)
	n.Ping("10.0.0.1", 8000) // six fragments
	ping6(t, n, "fd00::1", 56)
	ping6(t, n, "fd00::1", 8000)
	l.way("10.0.0.2", macOf(n))
	l.way("fd00::2", macOf(n))
	var c net.Conn
	n.Do(func() (err error) { c, err = net.Dial("udp", "10.0.0.1:9"); return err })
	defer c.Close()
	for start := time.Now(); ; {
		_, _ = c.Write([]byte("who is there"))
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		var timeout net.Error
		if _, err := c.Read(make([]byte, 9)); err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
			break // connection refused
		}
		if time.Since(start) > patience {
			t.Fatal("nobody says that no one is there")
		}
	}
}

// TestKernelsPingTheUnderlayInAVLAN is the same behind a tag.
func TestKernelsPingTheUnderlayInAVLAN(t *testing.T) {
	l := newUnderlayLab(t, underlay.Config{Interfaces: []underlay.Interface{{Port: "up", VLAN: 7, Addresses: prefixes("10.0.0.1/24", "fd00::1/64")}}})
	n := l.host("up")
	err := n.Try(func() error {
		parent, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkAdd(&netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "v7", ParentIndex: parent.Attrs().Index}, VlanId: 7})
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this kernel has no VLAN devices (8021q)")
	}
	if err != nil {
		t.Fatal(err)
	}
	n.Set("v7", 0, "10.0.0.2/24", "fd00::2/64")
	n.Ping("10.0.0.1", 56)
	n.Ping("10.0.0.1", 4000)
	ping6(t, n, "fd00::1", 56)
	l.way("10.0.0.2", macOf(n))
}

// TestAHostThatMovesIsFollowed: its Ethernet address changes, and nobody says so.
func TestAHostThatMovesIsFollowed(t *testing.T) {
	l := newUnderlayLab(t, underlay.Config{Interfaces: []underlay.Interface{{Port: "up", Addresses: prefixes("10.0.0.1/24", "fd00::1/64")}}})
	n := l.host("up", "10.0.0.2/24", "fd00::2/64")
	l.way("10.0.0.2", macOf(n))
	l.way("fd00::2", macOf(n))
	n.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkSetHardwareAddr(link, net.HardwareAddr{2, 0, 0, 0, 0x77, 0x77})
	})
	t.Logf("IPv4 after %v", l.way("10.0.0.2", macOf(n)))
	t.Logf("IPv6 after %v more", l.way("fd00::2", macOf(n)))
}

// TestALostRouterIsLeftForTheOther: of two equal paths the second takes all when the first router is gone, and its share
// is given back when it is there again.
func TestALostRouterIsLeftForTheOther(t *testing.T) {
	route := func(via string) []underlay.Route {
		return []underlay.Route{{To: netip.MustParsePrefix("0.0.0.0/0"), Via: []netip.Addr{netip.MustParseAddr(via)}}}
	}
	l := newUnderlayLab(t, underlay.Config{Interfaces: []underlay.Interface{
		{Port: "a", Addresses: prefixes("10.0.1.1/24"), Routes: route("10.0.1.254")},
		{Port: "b", Addresses: prefixes("10.0.2.1/24"), Routes: route("10.0.2.254")},
	}})
	a, b := l.host("a", "10.0.1.254/24"), l.host("b", "10.0.2.254/24")
	l.way("10.0.1.254", macOf(a))
	l.way("10.0.2.254", macOf(b))
	ways := func() (n int) {
		seen := make(map[uint32]bool)
		for h := range uint64(64) {
			if w, st := l.stack.Route(netip.MustParseAddr("192.0.2.1"), netip.Addr{}, 0, h); st == underlay.OK {
				seen[w.Port] = true
			}
		}
		return len(seen)
	}
	eventually(t, "both paths are used", func() bool { return ways() == 2 })
	a.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		addr, err := netlink.ParseAddr("10.0.1.254/24")
		if err != nil {
			return err
		}
		return netlink.AddrDel(link, addr)
	})
	t.Logf("the other path is taken after %v", l.way("192.0.2.1", macOf(b)))
	a.Set("eth0", 0, "10.0.1.254/24")
	eventually(t, "both paths are used again", func() bool { return ways() == 2 })
}

// eventually waits for something that comes within seconds on a machine without other work.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

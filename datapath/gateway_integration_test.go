//go:build integration

package datapath_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/gateway"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
	"github.com/culvertdev/culvert/pmd/tap"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A routedHost is a namespace with a tap that leads to a port of a gateway.
type routedHost struct {
	*nstest.NS
	port string
}

// newRoutedHost makes a host with these addresses and default routes, on a port of the switch's bridge.
func newRoutedHost(t *testing.T, l *lab, port string, addresses []string, routers ...string) routedHost {
	t.Helper()
	h := routedHost{nstest.New(t), port}
	var dev *tap.Port
	h.Do(func() (err error) { dev, err = tap.Open("tap0", tap.Options{Pool: l.pool}); return err })
	h.Set("tap0", 0, addresses...)
	if err := l.sw.AddDevice("br0", datapath.PortConfig{Name: port}, dev); err != nil {
		t.Fatal(err)
	}
	h.Do(func() error {
		link, err := netlink.LinkByName("tap0")
		if err != nil {
			return err
		}
		var errs []error
		for _, r := range routers {
			errs = append(errs, netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(r)}))
		}
		return errors.Join(errs...)
	})
	return h
}

// hop returns who answers a UDP packet of a TTL, and with which ICMP type.
func (h routedHost) hop(t *testing.T, to string, ttl int) (from string, typ byte) {
	t.Helper()
	var icmp net.PacketConn
	var probe *net.UDPConn
	h.Do(func() (err error) {
		if icmp, err = net.ListenPacket("ip4:icmp", "0.0.0.0"); err != nil {
			return err
		}
		probe, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.ParseIP(to), Port: 33434})
		return err
	})
	defer icmp.Close()
	defer probe.Close()
	raw, err := probe.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, ttl) }), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1500)
	for range 50 {
		_, _ = probe.Write([]byte("who is there")) // the error of the one before may be reported here
		_ = icmp.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, addr, err := icmp.ReadFrom(buf); err == nil && n > 0 {
			return addr.String(), buf[0]
		}
	}
	t.Fatalf("nobody answers a packet to %s with a TTL of %d", to, ttl)
	return "", 0
}

// TestKernelsTalkThroughTheGateway: two hosts in two networks, and what real stacks say of the router between
// them.
func TestKernelsTalkThroughTheGateway(t *testing.T) {
	clock := cpu.NewClock()
	prefixes := func(texts ...string) (list []netip.Prefix) {
		for _, s := range texts {
			list = append(list, netip.MustParsePrefix(s))
		}
		return list
	}
	table, err := gateway.New(gateway.Config{Interfaces: []gateway.Interface{
		{Name: "left", Members: []gateway.Member{{Port: "a"}}, MAC: [6]byte{2, 5: 0xa1}, Addresses: prefixes("10.0.1.1/24", "fd00:1::1/64")},
		{Name: "right", Members: []gateway.Member{{Port: "b"}, {Port: "c"}}, MAC: [6]byte{2, 5: 0xa2}, Addresses: prefixes("10.0.2.1/24", "fd00:2::1/64")},
	}}, gateway.Options{Clock: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, datapath.Options{}, table)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go func() {
		for ; ctx.Err() == nil; time.Sleep(time.Second) {
			table.Expire(clock.Now())
		}
	}()
	a := newRoutedHost(t, l, "a", []string{"10.0.1.2/24", "fd00:1::2/64"}, "10.0.1.1", "fd00:1::1")
	b := newRoutedHost(t, l, "b", []string{"10.0.2.2/24", "fd00:2::2/64"}, "10.0.2.1", "fd00:2::1")
	c := newRoutedHost(t, l, "c", []string{"10.0.2.3/24"}, "10.0.2.1")

	a.Ping("10.0.1.1", 56)   // the gateway
	a.Ping("10.0.2.1", 1400) // its other side
	a.Ping("10.0.2.2", 56)   // beyond it
	c.Ping("10.0.2.2", 56)   // beside it
	b.UDP(a.NS, "10.0.2.2", 0, 1, 1472)
	c.UDP(a.NS, "10.0.2.3", 1472)
	b.UDP(a.NS, "fd00:2::2", 0, 1, 1452)
	t.Logf("TCP: %.0f Mbit/s", float64(8<<20*8)/b.TCP(a.NS, "10.0.2.2", 8<<20).Seconds()/1e6)
	t.Logf("TCP over IPv6: %.0f Mbit/s", float64(8<<20*8)/a.TCP(b.NS, "fd00:1::2", 8<<20).Seconds()/1e6)

	if from, typ := a.hop(t, "10.0.2.2", 1); from != "10.0.1.1" || typ != 11 {
		t.Errorf("the first hop is %s (ICMP type %d), want the gateway, time exceeded", from, typ)
	}
	if from, typ := a.hop(t, "10.0.2.2", 2); from != "10.0.2.2" || typ != 3 {
		t.Errorf("the second hop is %s (ICMP type %d), want the host, port unreachable", from, typ)
	}
	if from, typ := a.hop(t, "192.0.2.1", 9); from != "10.0.1.1" || typ != 3 {
		t.Errorf("of a network without a route says %s (ICMP type %d), want the gateway, unreachable", from, typ)
	}
	if from, typ := a.hop(t, "10.0.2.99", 9); from != "10.0.1.1" || typ != 3 {
		t.Errorf("of a host that is not there says %s (ICMP type %d), want the gateway, unreachable", from, typ)
	}
}

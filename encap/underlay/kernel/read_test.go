package kernel

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// route returns a unicast route out of a device by a router, "" for none.
func route(to string, link int, gw string, metric int) netlink.Route {
	r := netlink.Route{LinkIndex: link, Priority: metric, Type: unix.RTN_UNICAST, Family: unix.AF_INET}
	if _, n, err := net.ParseCIDR(to); err == nil {
		r.Dst = n
	}
	if strings.Contains(to, ":") {
		r.Family = unix.AF_INET6
	}
	r.Gw = net.ParseIP(gw)
	return r
}

func TestTheRoutesThatTheKernelWouldTakeAreTaken(t *testing.T) {
	several := route("203.0.113.0/24", 0, "", 0)
	several.MultiPath = []*netlink.NexthopInfo{{LinkIndex: 3, Gw: net.ParseIP("10.0.0.2")}, {LinkIndex: 4, Gw: net.ParseIP("10.1.0.2")}, {LinkIndex: 3, Gw: net.ParseIP("10.0.0.3")}}
	nowhere := route("198.51.100.0/24", 3, "", 0)
	nowhere.Type = unix.RTN_BLACKHOLE
	sooner := route("10.9.0.0/16", 0, "", 100)
	sooner.Type = unix.RTN_UNREACHABLE
	thrown := route("10.9.0.0/16", 0, "", 100)
	thrown.Type = unix.RTN_THROW
	byTOS := route("10.9.0.0/16", 3, "10.0.0.2", 0)
	byTOS.Tos = 0x10
	by6 := route("198.18.0.0/15", 3, "", 0)
	by6.Via = &netlink.Via{AddrFamily: unix.AF_INET6, Addr: net.ParseIP("fe80::1")}
	for _, c := range []struct {
		name, want string
		routes     []netlink.Route
	}{
		{"a prefix reached directly", "10.0.0.0/24 []", []netlink.Route{route("10.0.0.0/24", 3, "", 0)}},
		{"the default", "0.0.0.0/0 [10.0.0.254]", []netlink.Route{route("", 3, "10.0.0.254", 0)}},
		{"the default as a prefix", "::/0 [fe80::1]", []netlink.Route{route("::/0", 3, "fe80::1", 1024)}},
		{"another device's", "10.0.0.0/24 nowhere", []netlink.Route{route("10.0.0.0/24", 4, "", 0)}},
		{"one of a lower metric out of another device", "10.9.0.0/16 nowhere", []netlink.Route{route("10.9.0.0/16", 3, "10.0.0.2", 200), route("10.9.0.0/16", 4, "10.1.0.2", 100)}},
		{"the lower metric of two", "10.9.0.0/16 [10.0.0.3]", []netlink.Route{route("10.9.0.0/16", 3, "10.0.0.2", 200), route("10.9.0.0/16", 3, "10.0.0.3", 100)}},
		{"equal paths, one of which is another device's", "203.0.113.0/24 [10.0.0.2 10.0.0.3]", []netlink.Route{several}},
		{"a prefix that leads nowhere", "198.51.100.0/24 nowhere", []netlink.Route{nowhere}},
		{"one that leads nowhere by a lower metric", "10.9.0.0/16 nowhere", []netlink.Route{route("10.9.0.0/16", 3, "10.0.0.2", 200), sooner}},
		{"one that the table has not, by a lower metric", "10.9.0.0/16 throw", []netlink.Route{route("10.9.0.0/16", 3, "10.0.0.2", 200), thrown}},
		{"one that the table has not, by a higher metric", "10.9.0.0/16 [10.0.0.2]", []netlink.Route{route("10.9.0.0/16", 3, "10.0.0.2", 20), thrown}},
		{"a type of service's", "", []netlink.Route{byTOS}},
		{"an IPv4 prefix by an IPv6 router", "198.18.0.0/15 nowhere", []netlink.Route{by6}},
	} {
		var got []string
		for _, r := range chosen(c.routes, 3) {
			if r.Throw {
				got = append(got, fmt.Sprintf("%v throw", r.To))
				continue
			}
			if r.Nowhere {
				got = append(got, fmt.Sprintf("%v nowhere", r.To))
				continue
			}
			got = append(got, fmt.Sprintf("%v %v", r.To, r.Via))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAddressesOfDevicesWithoutALinkAreTheHostsOnEach(t *testing.T) {
	device := func(index int, flags net.Flags) netlink.LinkAttrs {
		return netlink.LinkAttrs{Index: index, Flags: flags}
	}
	links := []netlink.Link{
		&netlink.Device{LinkAttrs: device(1, net.FlagUp|net.FlagLoopback)}, &netlink.Device{LinkAttrs: device(3, net.FlagUp)},
		&netlink.Device{LinkAttrs: device(4, net.FlagUp)}, &netlink.Dummy{LinkAttrs: device(5, net.FlagUp)}, &netlink.Dummy{LinkAttrs: device(6, 0)},
	}
	var list []netlink.Addr
	add := func(link int, text string, flags int) {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			t.Fatal(err)
		}
		a.LinkIndex, a.Flags = link, flags
		list = append(list, *a)
	}
	add(1, "127.0.0.1/8", 0)
	add(1, "::1/128", 0)
	add(1, "192.0.2.1/32", 0)
	add(1, "2001:db8::1/64", 0) // whatever its prefix, nobody else is there
	add(3, "10.0.0.1/24", 0)
	add(3, "fe80::3/64", 0)
	add(3, "10.0.0.9/24", unix.IFA_F_TENTATIVE)
	add(4, "10.4.0.1/24", 0)
	add(5, "192.0.2.5/24", 0)
	add(5, "fe80::5/64", 0)
	add(6, "192.0.2.6/32", 0)
	want := "[10.0.0.1/24 fe80::3/64 192.0.2.1/32 2001:db8::1/128 192.0.2.5/32]"
	if got := fmt.Sprint(addressesOf(list, links, 3)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRulesThatOnlyAMarkDecidesAboutAreTaken(t *testing.T) {
	rule := func(priority, table int, change func(r *netlink.Rule)) netlink.Rule {
		r := *netlink.NewRule()
		r.Priority, r.Table, r.Family = priority, table, unix.AF_INET
		change(&r)
		return r
	}
	mask := uint32(0xf0)
	_, prefix, _ := net.ParseCIDR("10.0.0.0/8")
	list := aboutMarks([]netlink.Rule{
		rule(0, unix.RT_TABLE_LOCAL, func(*netlink.Rule) {}),
		rule(30, 103, func(r *netlink.Rule) { r.Mark, r.Mask = 0x10, &mask }),
		rule(10, 101, func(r *netlink.Rule) { r.Mark = 5 }),
		rule(40, 104, func(r *netlink.Rule) { r.Mask = &mask }),
		rule(11, 111, func(r *netlink.Rule) { r.Mark, r.Invert = 5, true }),
		rule(12, 112, func(r *netlink.Rule) { r.Mark, r.Src = 5, prefix }),
		rule(13, 113, func(r *netlink.Rule) { r.Mark, r.IifName = 5, "eth0" }),
		rule(14, 114, func(r *netlink.Rule) { r.Mark, r.SuppressPrefixlen = 5, 0 }),
		rule(15, 0, func(r *netlink.Rule) { r.Mark = 5 }), // leads nowhere
		rule(32766, unix.RT_TABLE_MAIN, func(*netlink.Rule) {}),
		rule(32768, 120, func(r *netlink.Rule) { r.Mark = 5 }),
	})
	var got []string
	for i := range list {
		got = append(got, fmt.Sprintf("%d: %#x/%#x table %d", list[i].Priority, list[i].Mark, maskOf(&list[i]), list[i].Table))
	}
	if want := "10: 0x5/0xffffffff table 101, 30: 0x10/0xf0 table 103, 40: 0x0/0xf0 table 104"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

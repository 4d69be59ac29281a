package underlay

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/neighbour"
)

func TestTheNextHostIsAskedAndThenKnown(t *testing.T) {
	b := newBench(t, onePort())
	w := b.way("10.0.0.9", Asked.String())
	b.sends("1 a1>ff arp 1 10.0.0.1>10.0.0.9")
	b.way("10.0.0.9", Asked.String())
	b.sends() // once a second
	_, version := b.changed(w, 0)
	b.hosts["10.0.0.9"] = 9
	b.run(1100)
	w = b.way("10.0.0.9", "1 to 9 from 10.0.0.1")
	if yes, _ := b.changed(w, version); !yes {
		t.Error("the answer changed nothing")
	}
	if w.MTU != 1500 || w.SrcMAC != mac(0xa1) || w.Paths != 1 {
		t.Errorf("got %+v", w)
	}
	b.hosts["fd00::9"] = 9
	b.sent = nil
	b.way("fd00::9", Asked.String())
	b.sends("1 a1>9 fd00::1>ff02::1:ff00:9 icmp6 135/0 fd00::9")
	b.settle()
	b.way("fd00::9", "1 to 9 from fd00::1")
}

func TestANeighbourThatIsConfiguredIsNeverAsked(t *testing.T) {
	c := onePort()
	c.Interfaces[0].Neighbours = []Neighbour{{ip("10.0.0.9"), mac(9)}, {ip("fe80::fe"), mac(0xfe)}}
	b := newBench(t, c)
	w := b.way("10.0.0.9", "1 to 9 from 10.0.0.1")
	b.way("2001:db8::1", "1 to fe from fd00::1") // by the router
	b.hosts["10.0.0.9"] = 8                      // what it says of itself does not count
	b.run(20_000)
	_, version := b.changed(w, 0)
	b.way("10.0.0.9", "1 to 9 from 10.0.0.1")
	for _, sent := range b.sent {
		if strings.Contains(sent, "10.0.0.9") || strings.Contains(sent, "135/0 fe80::fe") {
			t.Errorf("it was asked: %s", sent)
		}
	}
	c.Interfaces[0].Neighbours = []Neighbour{{ip("10.0.0.9"), mac(7)}}
	if err := b.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	if yes, _ := b.changed(w, version); !yes {
		t.Error("another address changed nothing")
	}
	w = b.way("10.0.0.9", "1 to 7 from 10.0.0.1")
	_, version = b.changed(w, version)
	c.Interfaces[0].Neighbours = nil
	if err := b.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	if yes, _ := b.changed(w, version); !yes {
		t.Error("that it is not known any more changed nothing")
	}
	b.way("10.0.0.9", Asked.String())
	b.settle()
	b.way("10.0.0.9", "1 to 8 from 10.0.0.1")
}

func TestWaysThatAreNone(t *testing.T) {
	b := newBench(t, onePort())
	for dst, want := range map[string]Status{
		"10.0.0.1": Local, "fd00::1": Local, "fe80::ff:fe00:a1": Local,
		"0.0.0.0": NoRoute, "127.0.0.1": NoRoute, "255.255.255.255": NoRoute, "::": NoRoute, "::1": NoRoute,
	} {
		b.way(dst, want.String())
	}
	if _, st := b.Route(ip("10.0.0.9"), ip("10.0.0.77"), 0, 0); st != NoSource {
		t.Errorf("from an address that is not ours: %v", st)
	}
	if _, st := b.Route(ip("10.0.0.9"), ip("fd00::1"), 0, 0); st != NoSource {
		t.Errorf("from an address of the other family: %v", st)
	}
	if w, st := b.Route(ip("::ffff:10.0.0.9"), ip("::ffff:10.0.0.1"), 0, 0); st != Asked || w.Src != ip("10.0.0.1") {
		t.Errorf("IPv4 addresses in IPv6: %v from %v", st, w.Src)
	}
	b.plug("up", 1, false)
	b.way("10.0.0.9", Down.String())
	b.plug("up", 1, true)
	b.way("10.0.0.9", Asked.String())
	c := onePort()
	c.Interfaces[0].Routes = nil
	b.SetConfig(c)
	b.way("192.0.2.1", NoRoute.String())
}

func TestTheLongestPrefixLeadsTheWay(t *testing.T) {
	c := onePort()
	c.Interfaces[0].Routes = append(c.Interfaces[0].Routes, Route{To: pre("192.0.2.0/24"), Via: []netip.Addr{ip("10.0.0.2")}}, Route{To: pre("192.0.2.128/25"), Via: []netip.Addr{ip("10.0.0.3")}})
	b := newBench(t, c)
	for host, n := range map[string]byte{"10.0.0.254": 0xfe, "10.0.0.2": 2, "10.0.0.3": 3, "fe80::fe": 0xfe} {
		b.hosts[host] = n
	}
	b.run(100)
	b.way("198.51.100.1", "1 to fe from 10.0.0.1")
	b.way("192.0.2.1", "1 to 2 from 10.0.0.1")
	b.way("192.0.2.200", "1 to 3 from 10.0.0.1")
	b.way("2001:db8::1", "1 to fe from fd00::1")
}

// twoPaths is an underlay on two ports, with a default route out of each.
func twoPaths() Config {
	return Config{[]Interface{
		{Port: "a", Addresses: []netip.Prefix{pre("10.0.1.1/24")}, Routes: []Route{{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.1.254")}}}},
		{Port: "b", Addresses: []netip.Prefix{pre("10.0.2.1/24")}, Routes: []Route{{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.2.254")}}}},
	}}
}

func TestEqualPathsShareTheHashesAndOneTakesOverWhenTheOtherIsLost(t *testing.T) {
	b := newBench(t, twoPaths())
	b.hosts["10.0.1.254"], b.hosts["10.0.2.254"] = 1, 2
	b.run(200)
	share := func() (n [3]int) {
		for h := range uint64(1000) {
			w, st := b.Route(ip("192.0.2.1"), netip.Addr{}, 0, h)
			if st != OK {
				t.Fatalf("hash %d: %v", h, st)
			}
			n[w.Port]++
		}
		return n
	}
	if n := share(); n[1] < 400 || n[2] < 400 {
		t.Errorf("paths have %d and %d of 1000 hashes", n[1], n[2])
	}
	if w, st := b.Route(ip("192.0.2.1"), ip("10.0.2.1"), 0, 0); st != OK || w.Port != 2 || w.Paths != 1 {
		t.Errorf("from the second port's address the way is %+v, %v", w, st)
	}
	w := b.wayOf("192.0.2.1", 0, "1 to 1 from 10.0.1.1")
	if w.Paths != 2 {
		t.Errorf("the way is one of %d", w.Paths)
	}
	_, version := b.changed(w, 0)
	delete(b.hosts, "10.0.1.254") // it is lost
	b.run(1000)
	if yes, _ := b.changed(w, version); !yes {
		t.Error("flows do not hear within a second that a router is lost")
	}
	if n := share(); n[1] != 0 {
		t.Errorf("%d of 1000 hashes go to a router that does not answer", n[1])
	}
	b.hosts["10.0.1.254"] = 1
	b.run(1100)
	if n := share(); n[1] < 400 {
		t.Errorf("a router that is back has %d of 1000 hashes", n[1])
	}
	b.plug("a", 1, false)
	if n := share(); n[1] != 0 {
		t.Errorf("%d of 1000 hashes go out of a port that is down", n[1])
	}
}

func TestAHostThatMovesIsFollowedWithinASecond(t *testing.T) {
	b := newBench(t, onePort())
	b.hosts["10.0.0.9"], b.hosts["fd00::9"] = 9, 9
	b.way("10.0.0.9", Asked.String())
	b.way("fd00::9", Asked.String())
	b.run(2000)
	w := b.way("10.0.0.9", "1 to 9 from 10.0.0.1")
	_, version := b.changed(w, 0)
	b.hosts["10.0.0.9"], b.hosts["fd00::9"] = 8, 8 // in silence: the old Ethernet address is nobody's
	b.run(1000)
	if yes, _ := b.changed(w, version); !yes {
		t.Error("flows do not hear of it")
	}
	b.way("10.0.0.9", "1 to 8 from 10.0.0.1")
	b.way("fd00::9", "1 to 8 from fd00::1")
}

func TestTheOnlyWayIsGoneOnlyWhenItsHostHasBeenSilentForLong(t *testing.T) {
	b := newBench(t, onePort())
	b.hosts["10.0.0.254"] = 0xfe
	b.run(200)
	delete(b.hosts, "10.0.0.254")
	b.run(2000)
	b.way("192.0.2.1", "1 to fe from 10.0.0.1")
	b.run(4000)
	b.way("192.0.2.1", Unreachable.String())
	b.hosts["10.0.0.254"] = 0xfd
	b.run(6500)
	b.way("192.0.2.1", "1 to fd from 10.0.0.1")
}

func TestFlowsThatStillNeedANeighbourKeepIt(t *testing.T) {
	b := newBench(t, onePort())
	b.hosts["10.0.0.9"], b.hosts["10.0.0.8"] = 9, 8
	kept := b.way("10.0.0.9", Asked.String())
	b.way("10.0.0.8", Asked.String())
	_, version := b.changed(kept, 0)
	for range 400 {
		b.run(1000)
		var yes bool
		if yes, version = b.changed(kept, version); yes {
			kept = b.way("10.0.0.9", "1 to 9 from 10.0.0.1")
		}
	}
	b.sent = nil
	b.run(2000)
	asked := map[string]bool{}
	for _, s := range b.sent {
		asked[s] = true
	}
	if !asked["1 a1>9 arp 1 10.0.0.1>10.0.0.9"] {
		t.Errorf("a neighbour in use is not asked: %v", asked)
	}
	if asked["1 a1>8 arp 1 10.0.0.1>10.0.0.8"] {
		t.Error("a neighbour out of use is asked still")
	}
}

func TestAChangedRouteConcernsThoseWhoUseIt(t *testing.T) {
	b := newBench(t, onePort())
	near, far := b.way("192.0.2.1", Asked.String()), b.way("198.51.100.1", Asked.String())
	_, version := b.changed(near, 0)
	c := onePort()
	c.Interfaces[0].Routes = append(c.Interfaces[0].Routes, Route{To: pre("192.0.2.0/28"), Via: []netip.Addr{ip("10.0.0.2")}})
	if err := b.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	if yes, _ := b.changed(near, version); !yes {
		t.Error("a longer prefix is not noticed")
	}
	if yes, _ := b.changed(far, version); yes && near.Tag != far.Tag {
		t.Log("both share a tag in this run: looked up again in vain")
	}
	told := uint64(0)
	b.Watch(func(tags uint64) { told |= tags })
	if err := b.SetConfig(onePort()); err != nil {
		t.Fatal(err)
	}
	if told&near.Tag == 0 {
		t.Error("whoever watches is not told")
	}
}

func TestNeighboursStayWhenAnotherPortComesBeforeTheirs(t *testing.T) {
	b := newBench(t, twoPaths())
	b.hosts["10.0.2.9"] = 9
	b.way("10.0.2.9", Asked.String())
	b.settle()
	w := b.way("10.0.2.9", "2 to 9 from 10.0.2.1")
	_, version := b.changed(w, 0)
	c := twoPaths()
	c.Interfaces = c.Interfaces[1:]
	if err := b.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	b.way("10.0.2.9", "2 to 9 from 10.0.2.1")
	if yes, _ := b.changed(w, version); !yes {
		t.Error("flows by an interface that has another number now are not looked up again")
	}
	b.way("10.0.1.9", Asked.String()) // by the default route, whose router is asked
}

func TestGroupsNeedNobodysAnswer(t *testing.T) {
	b := newBench(t, onePort())
	w := b.way("239.1.2.3", "1 to 3 from 10.0.0.1")
	if w.DstMAC != [6]byte{1, 0, 0x5e, 1, 2, 3} {
		t.Errorf("an IPv4 group is %x", w.DstMAC)
	}
	w = b.way("ff05::1:2", "1 to 2 from fd00::1")
	if w.DstMAC != [6]byte{0x33, 0x33, 0, 1, 0, 2} {
		t.Errorf("an IPv6 group is %x", w.DstMAC)
	}
	c := onePort()
	c.Interfaces[0].Routes = nil
	b.SetConfig(c)
	b.way("239.1.2.3", "1 to 3 from 10.0.0.1")
	b.sends()
}

func TestNeighboursAreBounded(t *testing.T) {
	b := newBench(t, Config{[]Interface{{Port: "up", Addresses: []netip.Prefix{pre("10.0.0.1/8")}}}})
	for i := range 100_000 {
		b.Route(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), netip.Addr{}, 0, 0)
	}
	if n := b.neighbours.Len(); n > neighbourOptions().MaxAsked {
		t.Errorf("%d neighbours were asked at once", n)
	}
	if b.count("underlay_neighbours_full") == 0 {
		t.Error("that there are too many is not counted")
	}
}

func TestAskingForAWayMakesNoGarbage(t *testing.T) {
	b := newBench(t, twoPaths())
	b.hosts["10.0.1.254"], b.hosts["10.0.2.254"] = 1, 2
	b.run(200)
	dst, hash := ip("192.0.2.1"), uint64(0)
	if n := testing.AllocsPerRun(100, func() { hash++; b.Route(dst, netip.Addr{}, 0, hash) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestPacketsWithAMarkGoByRoutesWithJustThisMark: as Open vSwitch has it, routes without a mark are for packets without one.
func TestPacketsWithAMarkGoByRoutesWithJustThisMark(t *testing.T) {
	c := twoPaths()
	c.Interfaces[0].Routes = append(c.Interfaces[0].Routes, Route{To: pre("192.0.2.0/24"), Via: []netip.Addr{ip("10.0.1.3")}, Mark: 5})
	c.Interfaces[1].Routes = append(c.Interfaces[1].Routes, Route{To: pre("192.0.2.0/24"), Via: []netip.Addr{ip("10.0.2.4")}, Mark: 6},
		Route{To: pre("10.0.1.0/25"), Via: []netip.Addr{ip("10.0.2.4")}, Mark: 6}, // and directly, which comes before
		Route{To: pre("10.0.1.0/25"), Mark: 6})
	c.Interfaces[1].Addresses = append(c.Interfaces[1].Addresses, pre("10.0.1.2/24"))
	b := newBench(t, c)
	b.hosts["10.0.1.254"], b.hosts["10.0.1.3"], b.hosts["10.0.2.254"], b.hosts["10.0.2.4"], b.hosts["10.0.1.9"] = 0xfe, 3, 0xfd, 4, 9
	b.run(200)
	for _, c := range []struct {
		mark uint32
		dst  string
		want string
	}{
		{5, "192.0.2.1", "1 to 3 from 10.0.1.1"},
		{6, "192.0.2.1", "2 to 4 from 10.0.2.1"},
		{7, "192.0.2.1", NoRoute.String()},
		{5, "198.51.100.1", NoRoute.String()},
		{5, "10.0.1.9", NoRoute.String()}, // reached directly by those without a mark
		{6, "10.0.1.9", "2 to 9 from 10.0.1.2"},
	} {
		if _, st := b.Route(ip(c.dst), netip.Addr{}, c.mark, 0); st == Asked {
			b.settle()
		}
		w, st := b.Route(ip(c.dst), netip.Addr{}, c.mark, 0)
		got := st.String()
		if st == OK {
			got = fmt.Sprintf("%d to %x from %v", w.Port, w.DstMAC[5], w.Src)
		}
		if got != c.want {
			t.Errorf("mark %d to %s: %s, want %s", c.mark, c.dst, got, c.want)
		}
	}
	w, version := b.way("192.0.2.1", "1 to fe from 10.0.1.1"), uint64(0)
	_, version = b.changed(w, 0)
	c.Interfaces[0].Routes = c.Interfaces[0].Routes[:1]
	b.SetConfig(c)
	if yes, _ := b.changed(w, version); !yes {
		t.Error("a route with a mark that is gone changed nothing")
	}
	if _, st := b.Route(ip("192.0.2.1"), netip.Addr{}, 5, 0); st != NoRoute {
		t.Errorf("by a route that is gone: %v", st)
	}
}

func TestTheKernelsRulesSayWhichRoutesAreForAMark(t *testing.T) {
	by := func(router string) []Route { return []Route{{To: pre("192.0.2.0/24"), Via: []netip.Addr{ip(router)}}} }
	b := newBench(t, Config{[]Interface{{Port: "up", Kernel: true}}})
	main := append(by("10.0.0.1"), Route{To: pre("10.0.0.0/24")}, Route{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.0.254")}})
	b.SetKernel("up", KernelState{Addresses: []netip.Prefix{pre("10.0.0.9/24")}, Routes: main, Rules: []Rule{
		{Priority: 20, Mark: 0x10, Mask: 0xf0, Routes: by("10.0.0.2")},
		{Priority: 10, Table: 1, Mark: 0x15, Mask: 0xffffffff, Routes: by("10.0.0.3")},
		{Priority: 10, Table: 2, Mark: 0x15, Mask: 0xffffffff, Routes: []Route{{To: pre("192.0.2.1/32"), Via: []netip.Addr{ip("10.0.0.2")}}}}, // asked after it
	}})
	for host := range byte(4) {
		b.SetNeighbour("up", netip.AddrFrom4([4]byte{10, 0, 0, host}), neighbour.Told, mac(host))
	}
	b.SetNeighbour("up", ip("10.0.0.254"), neighbour.Told, mac(0xfe))
	for _, c := range []struct {
		mark uint32
		dst  string
		want byte
	}{
		{0, "192.0.2.1", 1}, {0x15, "192.0.2.1", 3}, {0x16, "192.0.2.1", 2}, {0x25, "192.0.2.1", 1},
		{0x15, "198.51.100.1", 0xfe}, // where the rules' routes do not lead the others do
	} {
		if w, st := b.Route(ip(c.dst), netip.Addr{}, c.mark, 0); st != OK || w.DstMAC != mac(c.want) {
			t.Errorf("mark %#x to %s: %v, %x, want %x", c.mark, c.dst, st, w.DstMAC, mac(c.want))
		}
	}
	var shown []string
	for _, r := range b.Show().Routes {
		shown = append(shown, fmt.Sprintf("%v by %v mark %#x/%#x", r.To, r.Router, r.Mark, r.Mask))
	}
	if want := "192.0.2.0/24 by 10.0.0.2 mark 0x10/0xf0"; !slices.Contains(shown, want) {
		t.Errorf("shown %q, want %q among them", shown, want)
	}
}

func TestAPrefixThatTheKernelHasLeadElsewhereIsNotReachedByAShorterOne(t *testing.T) {
	b := newBench(t, Config{[]Interface{{Port: "up", Kernel: true}}})
	state := KernelState{Addresses: []netip.Prefix{pre("10.0.0.9/24")}, Routes: []Route{
		{To: pre("10.0.0.0/24")}, {To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.0.254")}},
	}}
	b.SetKernel("up", state)
	b.SetNeighbour("up", ip("10.0.0.254"), neighbour.Told, mac(0xfe))
	w, st := b.Route(ip("192.0.2.1"), netip.Addr{}, 0, 0)
	if st != OK {
		t.Fatalf("by the default route: %v", st)
	}
	_, version := b.changed(w, 0)
	state.Routes = append(slices.Clone(state.Routes), Route{To: pre("192.0.2.0/24"), Nowhere: true})
	b.SetKernel("up", state)
	if yes, _ := b.changed(w, version); !yes {
		t.Error("that the prefix leads nowhere changed nothing")
	}
	if _, st := b.Route(ip("192.0.2.1"), netip.Addr{}, 0, 0); st != NoRoute {
		t.Errorf("to a prefix that leads nowhere: %v", st)
	}
	if !slices.Contains(b.Show().Routes, RouteState{To: pre("192.0.2.0/24")}) {
		t.Errorf("shown are %+v", b.Show().Routes)
	}
	if _, st := b.Route(ip("198.51.100.1"), netip.Addr{}, 0, 0); st != OK {
		t.Errorf("beside it: %v", st)
	}
}

func TestWhatTheKernelLeadsElsewhereIsReachedByRoutesThatAreNotItsOwn(t *testing.T) {
	b := newBench(t, Config{[]Interface{
		{Port: "up", Kernel: true},
		{Port: "side", Addresses: []netip.Prefix{pre("10.1.0.1/24")}, Routes: []Route{{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.1.0.254")}}}},
	}})
	b.SetKernel("up", KernelState{Addresses: []netip.Prefix{pre("10.0.0.9/24")}, Routes: []Route{
		{To: pre("10.0.0.0/24")}, {To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.0.254")}}, {To: pre("192.0.2.0/24"), Nowhere: true},
	}})
	for hash := range uint64(16) { // of two default routes one is left
		w, _ := b.Route(ip("192.0.2.1"), netip.Addr{}, 0, hash<<60)
		if w.Name != "side" {
			t.Fatalf("out of %q, want side", w.Name)
		}
	}
}

func TestAThrownPrefixIsAskedForBehindItsTable(t *testing.T) {
	b := newBench(t, Config{[]Interface{{Port: "up", Kernel: true}}})
	def := pre("0.0.0.0/0")
	state := KernelState{Addresses: []netip.Prefix{pre("10.0.0.9/24")}, Routes: []Route{{To: pre("10.0.0.0/24")}, {To: def, Via: []netip.Addr{ip("10.0.0.254")}}}}
	state.Rules = []Rule{{Priority: 1, Table: 100, Mark: 5, Mask: ^uint32(0), Routes: []Route{{To: def, Via: []netip.Addr{ip("10.0.0.253")}}}}}
	b.SetKernel("up", state)
	for _, router := range []string{"10.0.0.253", "10.0.0.254"} {
		b.SetNeighbour("up", ip(router), neighbour.Told, mac(ip(router).As4()[3]))
	}
	by := func(dst string, mark uint32) byte {
		t.Helper()
		w, st := b.Route(ip(dst), netip.Addr{}, mark, 0)
		if st != OK {
			t.Fatalf("to %s with mark %d: %v", dst, mark, st)
		}
		return w.DstMAC[5]
	}
	if got := by("192.0.2.1", 5); got != 253 {
		t.Errorf("by router %d, want that of the rule's table", got)
	}
	w, _ := b.Route(ip("192.0.2.1"), netip.Addr{}, 5, 0)
	_, version := b.changed(w, 0)
	state.Rules = []Rule{{Priority: 1, Table: 100, Mark: 5, Mask: ^uint32(0), Routes: append(slices.Clone(state.Rules[0].Routes), Route{To: pre("192.0.2.0/24"), Throw: true})}}
	b.SetKernel("up", state)
	if yes, _ := b.changed(w, version); !yes {
		t.Error("that the prefix is thrown changed nothing")
	}
	if got := by("192.0.2.1", 5); got != 254 {
		t.Errorf("thrown: by router %d, want that of the table behind", got)
	}
	if got := by("198.51.100.1", 5); got != 253 {
		t.Errorf("beside it: by router %d, want that of the rule's table", got)
	}
	if !slices.Contains(b.Show().Routes, RouteState{To: pre("192.0.2.0/24"), Throw: true, Mark: 5, Mask: ^uint32(0)}) {
		t.Errorf("shown are %+v", b.Show().Routes)
	}
}

func TestExitsAreThoseOfInterfacesThatAreUp(t *testing.T) {
	c := onePort()
	c.Interfaces = append(c.Interfaces, Interface{Port: "side", Addresses: []netip.Prefix{pre("10.1.0.1/24")}, VLAN: 7, MTU: 1400})
	b := newBench(t, c)
	text := func() (list []string) {
		for _, w := range b.Exits() {
			list = append(list, fmt.Sprintf("%s %s vlan %d mtu %d", w.Name, w.Src, w.VLAN, w.MTU))
		}
		return list
	}
	if got, want := text(), []string{"up 10.0.0.1 vlan 0 mtu 1500", "up fd00::1 vlan 0 mtu 1500", "side 10.1.0.1 vlan 7 mtu 1400"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	b.plug("up", 1, false)
	if got := text(); len(got) != 1 {
		t.Errorf("a port without carrier leads somewhere: %q", got)
	}
}

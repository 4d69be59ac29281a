package openflow

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/encap/wire/wiretest"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/flowcache/flow/flowtest"
	"github.com/culvertdev/culvert/ring/frame"
)

// A snoopBench is a table whose NORMAL snoops, and frames for it.
type snoopBench struct {
	*testing.T
	table *Table
	clock *fakeClock
	pool  *frame.Pool
}

func newSnoopBench(t *testing.T, s Snooping, ports []rules.Port) *snoopBench {
	pool, err := frame.NewPool(frame.Options{Buffers: 1024})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	s.Enabled = true
	tb, clock := newTable(t, Options{Snooping: s}, ports, "actions=NORMAL")
	return &snoopBench{t, tb, clock, pool}
}

// send looks a frame up as one that came in by a port, by its OpenFlow number.
func (s *snoopBench) send(port uint32, pkt []byte) *rules.Verdict {
	s.Helper()
	return lookQuery(s, s.table, &rules.Query{
		Key: flowtest.Key(s, s.pool, 2, port+100, pkt), Packet: pkt, Size: len(pkt), Now: s.clock.now, Live: true,
	})
}

// wantTo holds that a frame from a port leaves by these.
func (s *snoopBench) wantTo(port uint32, pkt []byte, want ...uint32) *rules.Verdict {
	s.Helper()
	v := s.send(port, pkt)
	var got []uint32
	for id := range runFrame(v.Actions.Words(), pkt) {
		got = append(got, id-100)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.Errorf("from port %d: got %s, want ports %v", port, program(v), want)
	}
	return v
}

// sender returns a host or router, by a number.
func sender(n int) wiretest.Host {
	return wiretest.Host{MAC: [6]byte{2, 0, 0, 0, 0, byte(n)}, Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})}
}

func sender6(n int) wiretest.Host {
	h := sender(n)
	h.Addr = netip.MustParseAddr(fmt.Sprintf("fe80::%x", n))
	return h
}

// about returns the record of a group.
func about(group string) wiretest.Record {
	return wiretest.Record{Kind: 4, Group: netip.MustParseAddr(group)}
}

// data returns a UDP packet to a group.
func data(h wiretest.Host, group string) []byte {
	if dst := netip.MustParseAddr(group); h.Addr.Is4() {
		return h.IPv4(dst, wire.ProtoUDP, nil, make([]byte, 8))
	} else {
		return h.IPv6(dst, wire.ProtoUDP, make([]byte, 8))
	}
}

func TestMulticastGoesWhereItIsListenedTo(t *testing.T) {
	for _, f := range []struct {
		name                 string
		host                 func(int) wiretest.Host
		group, other, always string
		query, join, leave   uint8
	}{
		{"IGMP", sender, "239.1.1.1", "239.1.1.2", "224.0.0.251", wire.IGMPQuery, wire.IGMPv2Report, wire.IGMPLeave},
		{"IGMPv1 and 3", sender, "239.1.1.1", "239.1.1.2", "224.0.0.251", wire.IGMPQuery, wire.IGMPv3Report, wire.IGMPLeave},
		{"MLD", sender6, "ff3e::1", "ff3e::2", "ff02::1", wire.MLDQuery, wire.MLDReport, wire.MLDDone},
		{"MLDv2", sender6, "ff3e::1", "ff3e::2", "ff02::1", wire.MLDQuery, wire.MLDv2Report, wire.MLDDone},
	} {
		t.Run(f.name, func(t *testing.T) {
			s := newSnoopBench(t, Snooping{}, trunks(1, 2, 3, 4))
			one, two, three := f.host(1), f.host(2), f.host(3)
			s.wantTo(1, data(one, f.group), 2, 3, 4) // nobody has said that he listens
			s.wantTo(2, two.Membership(f.join, about(f.group)))
			s.wantTo(1, data(one, f.group), 2)
			s.wantTo(1, data(one, f.other), 2, 3, 4)
			s.wantTo(1, data(one, f.always), 2, 3, 4)
			s.wantTo(2, data(two, f.group)) // back to where it came from
			s.wantTo(3, three.Membership(f.query), 1, 2, 4)
			s.wantTo(1, data(one, f.group), 2, 3) // routers get all
			s.wantTo(4, f.host(4).Membership(f.join, about(f.group)), 3)
			s.wantTo(1, data(one, f.group), 2, 3, 4)
			s.wantTo(2, two.Membership(f.leave, about(f.group)), 3)
			s.wantTo(1, data(one, f.group), 3, 4)
			s.clock.now += 180 * second
			s.table.Expire(s.clock.now)
			s.wantTo(1, data(one, f.group), 4) // the router has asked nothing for long
			s.clock.now += 120 * second
			s.table.Expire(s.clock.now)
			s.wantTo(1, data(one, f.group), 2, 3, 4)
		})
	}
}

func TestWhatSnoopingLeavesAlone(t *testing.T) {
	s := newSnoopBench(t, Snooping{DropUnregistered: true}, trunks(1, 2, 3))
	s.wantTo(2, sender(2).Membership(wire.IGMPQuery), 1, 3) // the router is behind 2
	s.wantTo(1, data(sender(1), "239.1.1.1"), 2)
	for name, pkt := range map[string][]byte{
		"a broadcast":                      append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, data(sender(1), "239.1.1.1")[6:]...),
		"a unicast address":                append([]byte{2, 0, 0, 0, 0, 9}, data(sender(1), "239.1.1.1")[6:]...),
		"another protocol than IP":         append(data(sender(1), "239.1.1.1")[:12], make([]byte, 40)...),
		"a reserved group":                 data(sender(1), "224.0.0.251"),
		"all nodes":                        data(sender6(1), "ff02::1"),
		"an IGMP message of another type":  sender(1).Membership(0x13),
		"a query from nobody":              wiretest.Host{Addr: netip.IPv4Unspecified()}.Membership(wire.IGMPQuery),
		"a query from nobody, over IPv6":   wiretest.Host{Addr: netip.IPv6Unspecified()}.Membership(wire.MLDQuery),
		"an IGMP fragment without a front": sender(1).IPv4(netip.MustParseAddr("239.1.1.1"), wire.ProtoIGMP, nil, nil),
	} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			s.wantTo(1, pkt, 2, 3)
		})
	}
	if got := len(s.table.Listeners()); got != 1 {
		t.Errorf("got %d entries, want that of the router", got)
	}
}

func TestGroupsAreThoseOfAVLAN(t *testing.T) {
	ports := trunks(1, 2, 3, 4)
	ports[2].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 10}
	s := newSnoopBench(t, Snooping{}, ports)
	tagged := sender(1)
	tagged.Tag = 10
	s.wantTo(3, sender(3).Membership(wire.IGMPv2Report, about("239.1.1.1")))
	v := s.wantTo(1, data(tagged, "239.1.1.1"), 3)
	wantProgram(t, v, "pop_vlan,output:3")
	tagged.Tag = 20
	s.wantTo(1, data(tagged, "239.1.1.1"), 2, 4)
	s.wantTo(1, data(sender(1), "239.1.1.1"), 2, 4)
}

func TestPortsThatGetEverything(t *testing.T) {
	ports := trunks(1, 2, 3, 4)
	ports[2].Multicast.Flood, ports[3].Multicast.FloodReports = true, true
	s := newSnoopBench(t, Snooping{DropUnregistered: true}, ports)
	const group = "239.1.1.1"
	report := sender(2).Membership(wire.IGMPv2Report, about(group))
	s.wantTo(1, data(sender(1), group), 3)
	s.wantTo(2, report, 4)
	s.wantTo(1, data(sender(1), group), 2, 3)
	s.wantTo(3, report, 4) // nothing is learned there
	s.wantTo(3, sender(3).Membership(wire.IGMPQuery), 1, 2, 4)
	s.wantTo(4, report)
	s.wantTo(1, data(sender(1), group), 2, 3, 4)
	s.wantTo(4, sender(4).Membership(wire.IGMPLeave, about(group))) // others may be behind it
	s.wantTo(1, data(sender(1), group), 2, 3, 4)
	if got := len(s.table.Listeners()); got != 2 {
		t.Errorf("got %d entries, want 2", got)
	}
}

// TestMembershipMessagesAreNotCached: each is to be heard, and each is heard once.
func TestMembershipMessagesAreNotCached(t *testing.T) {
	s := newSnoopBench(t, Snooping{}, trunks(1, 2))
	for _, pkt := range [][]byte{
		sender(1).Membership(wire.IGMPQuery), sender(1).Membership(wire.IGMPv2Report, about("239.1.1.1")), sender(1).Membership(0x13),
		sender6(1).Membership(wire.MLDQuery), sender6(1).Membership(wire.MLDv2Report, about("ff3e::1")),
	} {
		if v := s.send(1, pkt); !v.NoCache {
			t.Errorf("% x is cached", pkt)
		}
	}
	if v := s.send(1, data(sender(1), "239.1.1.1")); v.NoCache {
		t.Error("data are not cached")
	}
	if n := len(s.table.Listeners()); n != 1 { // the router's port gets all
		t.Errorf("got %d entries, want the router's in VLAN 0", n)
	}
	look := func(pkt []byte) {
		lookQuery(t, s.table, &rules.Query{Key: flowtest.Key(t, s.pool, 2, 102, pkt), Packet: pkt, Now: s.clock.now})
	}
	look(sender(1).Membership(wire.IGMPQuery))
	if n := len(s.table.Listeners()); n != 1 {
		t.Errorf("a look-up without consequences: got %d entries", n)
	}
}

func TestDamagedReportsTeachNothing(t *testing.T) {
	s := newSnoopBench(t, Snooping{}, trunks(1, 2))
	good := sender(1).Membership(wire.IGMPv3Report, about("239.1.1.1"), about("239.1.1.2"))
	for n := range good {
		if n >= 14 {
			s.send(1, good[:n])
		}
	}
	bad := slices.Clone(good)
	bad[len(bad)-1] ^= 1
	s.wantTo(1, bad)
	if n := len(s.table.Listeners()); n != 0 {
		t.Errorf("got %d entries, want none", n)
	}
	s.send(1, good)
	if n := len(s.table.Listeners()); n != 2 {
		t.Errorf("got %d entries, want 2", n)
	}
}

// concerns reports whether changes of rules and ports concern a verdict for a frame.
func concerns(c *rules.ChangeSet, v *rules.Verdict, key *flow.Key) bool {
	return c.All || slices.ContainsFunc(c.Changes, func(ch rules.Change) bool {
		return ch.Tag&v.Tags != 0 && (ch.Match == nil || ch.Match.Overlaps(&flow.Match{Key: *key, Mask: v.Mask}))
	})
}

func TestAReportConcernsTheFlowsToItsGroup(t *testing.T) {
	s := newSnoopBench(t, Snooping{}, trunks(1, 2, 3))
	s.table.salt = 1 // with which no two things here have the same tag
	tagged := sender(1)
	tagged.Tag = 5
	flows := map[string][]byte{
		"group": data(sender(1), "239.1.1.1"), "group in VLAN 5": data(tagged, "239.1.1.1"), "other group": data(sender(1), "239.1.1.2"),
		"IPv6": data(sender6(1), "ff3e::1"), "reserved": data(sender(1), "224.0.0.1"),
	}
	for _, c := range []struct {
		name string
		does func()
		want []string
	}{
		{"a report", func() { s.send(2, sender(2).Membership(wire.IGMPv2Report, about("239.1.1.1"))) }, []string{"group"}},
		{"a report again", func() { s.send(2, sender(2).Membership(wire.IGMPv2Report, about("239.1.1.1"))) }, nil},
		{"an MLD report", func() { s.send(2, sender6(2).Membership(wire.MLDReport, about("ff3e::1"))) }, []string{"IPv6"}},
		{"a leave", func() { s.send(2, sender(2).Membership(wire.IGMPLeave, about("239.1.1.1"))) }, []string{"group"}},
		{"a leave again", func() { s.send(2, sender(2).Membership(wire.IGMPLeave, about("239.1.1.1"))) }, nil},
		{"the end of its time", func() {
			s.clock.now += 300 * second
			s.table.Expire(s.clock.now)
		}, []string{"IPv6"}},
		{"other settings", func() {
			if err := s.table.SetOptions(Options{Snooping: Snooping{Enabled: true, DropUnregistered: true}}); err != nil {
				t.Fatal(err)
			}
		}, []string{"IPv6", "group", "group in VLAN 5", "other group", "reserved"}},
		{"a router", func() { s.send(3, sender(3).Membership(wire.IGMPQuery)) }, []string{"IPv6", "group", "other group"}},
		{"the same router", func() { s.send(3, sender(3).Membership(wire.IGMPQuery)) }, nil},
		{"no snooping", func() {
			if err := s.table.SetOptions(Options{}); err != nil {
				t.Fatal(err)
			}
		}, []string{"IPv6", "group", "group in VLAN 5", "other group", "reserved"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.T = t
			verdicts := make(map[string]*rules.Verdict)
			for name, pkt := range flows {
				verdicts[name] = s.send(1, pkt)
			}
			since := s.table.Changes(0, new(rules.ChangeSet))
			c.does()
			var changes rules.ChangeSet
			s.table.Changes(since, &changes)
			var got []string
			for name, pkt := range flows {
				if concerns(&changes, verdicts[name], flowtest.Key(t, s.pool, 2, 101, pkt)) {
					got = append(got, name)
				}
			}
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("concerned: got %v, want %v", got, c.want)
			}
		})
	}
}

// TestAStormOfReportsLeavesRoomForRules: more changes than are remembered one by one are one of all groups.
func TestAStormOfReportsLeavesRoomForRules(t *testing.T) {
	s := newSnoopBench(t, Snooping{}, trunks(1, 2))
	v := s.send(1, data(sender(1), "239.200.0.1"))
	unicast := s.send(1, append([]byte{2, 0, 0, 0, 0, 9}, data(sender(1), "239.1.1.1")[6:]...))
	since := s.table.Changes(0, new(rules.ChangeSet))
	for i := range 5000 {
		s.send(2, sender(2).Membership(wire.IGMPv2Report, about(fmt.Sprintf("239.%d.%d.1", i>>8, i&255))))
	}
	var c rules.ChangeSet
	s.table.Changes(since, &c)
	if c.All || len(c.Changes) > listensKept+1 {
		t.Errorf("all: %v, %d changes, want at most %d", c.All, len(c.Changes), listensKept+1)
	}
	last := c.Changes[len(c.Changes)-1]
	if last.Match != nil || last.Tag&v.Tags == 0 {
		t.Error("flows to groups are not concerned")
	}
	if last.Tag&unicast.Tags != 0 && unicast.Tags&s.table.snoopingTag() == 0 {
		t.Error("flows to hosts are concerned")
	}
	if got := len(s.table.Listeners()); got != 2048 {
		t.Errorf("got %d groups, want as many as the table takes", got)
	}
}

func TestAPortThatGoesTakesItsListenersAlong(t *testing.T) {
	s := newSnoopBench(t, Snooping{Ageing: time.Minute, TableSize: 10}, trunks(1, 2, 3))
	s.send(2, sender(2).Membership(wire.IGMPv2Report, about("239.1.1.1")))
	s.send(2, sender(2).Membership(wire.IGMPQuery))
	s.table.SetPorts(trunks(1, 3))
	if n := len(s.table.Listeners()); n != 0 {
		t.Errorf("got %d entries, want none", n)
	}
}

// TestAddressesThatActionsWroteAreFollowed: where the packet goes depends on an address it did not come with.
func TestAddressesThatActionsWroteAreFollowed(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "dl_dst=02:00:00:00:00:0b,actions=mod_dl_dst:02:00:00:00:00:0c,NORMAL\npriority=1,actions=NORMAL")
	const to = "in_port=1,dl_src=02:00:00:00:00:0a,dl_dst=02:00:00:00:00:0b"
	v, key := look(t, tb, to), packet(t, to)
	since := tb.Changes(0, new(rules.ChangeSet))
	live(t, tb, "in_port=3,dl_src=02:00:00:00:00:0c,dl_dst=02:00:00:00:00:0d")
	var c rules.ChangeSet
	tb.Changes(since, &c)
	if !c.Moved.Concern(v.Tags, key, &v.Mask, v.Rewrote) {
		t.Error("an address was learned, and the flow that leads to it is not concerned")
	}
}

func TestSnoopedAndMirroredPacketsAreLookedUpWithoutGarbage(t *testing.T) {
	s := newSnoopBench(t, Snooping{}, trunks(1, 2, 3, 4, 5))
	s.send(2, sender(2).Membership(wire.IGMPv2Report, about("239.1.1.1")))
	s.send(3, sender(3).Membership(wire.IGMPQuery))
	if err := s.table.SetMirrors([]Mirror{{Name: "m", SelectAll: true, OutputPort: "p5"}, {Name: "n", SelectDst: []string{"p2"}, OutputVLAN: 9}}); err != nil {
		t.Fatal(err)
	}
	report := sender(2).Membership(wire.IGMPv2Report, about("239.1.1.1"))
	for name, pkt := range map[string][]byte{"a packet to a group": data(sender(1), "239.1.1.1"), "a report that confirms": report} {
		q := &rules.Query{Key: flowtest.Key(t, s.pool, 2, 102, pkt), Packet: pkt, Size: len(pkt), Now: s.clock.now, Live: true}
		var v rules.Verdict
		if n := testing.AllocsPerRun(100, func() {
			v.Reset()
			if err := s.table.Lookup(q, &v); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: got %v allocations, want none", name, n)
		}
	}
}

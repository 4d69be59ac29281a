package openflow

import (
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/flowcache/flow"
)

const (
	fromA = "dl_src=02:00:00:00:00:0a,dl_dst=02:00:00:00:00:0b"
	fromB = "dl_src=02:00:00:00:00:0b,dl_dst=02:00:00:00:00:0a"
)

func wantProgram(t *testing.T, v *rules.Verdict, want string) {
	t.Helper()
	if got := program(v); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNormalIsALearningSwitch(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2, 3), "priority=0,actions=NORMAL")
	wantProgram(t, live(t, tb, "in_port=1,"+fromA), "output:2,output:3") // B is anywhere
	wantProgram(t, live(t, tb, "in_port=2,"+fromB), "output:1")          // A is behind 1
	wantProgram(t, live(t, tb, "in_port=1,"+fromA), "output:2")          // and B behind 2
	wantProgram(t, look(t, tb, "in_port=2,"+fromA), "drop(no_target)")   // B is where this comes from

	clock.now += 10 * second
	wantProgram(t, live(t, tb, "in_port=3,"+fromB), "output:1") // B moved
	wantProgram(t, live(t, tb, "in_port=1,"+fromA), "output:3")

	clock.now += 300 * second
	tb.Expire(clock.now)
	if n := len(tb.Addresses()); n != 0 {
		t.Errorf("after the ageing time: got %d addresses, want none", n)
	}
	wantProgram(t, look(t, tb, "in_port=1,"+fromA), "output:2,output:3")
}

func TestALookupThatIsNotLiveLearnsNothing(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "actions=NORMAL")
	look(t, tb, "in_port=1,"+fromA)
	if n := len(tb.Addresses()); n != 0 {
		t.Errorf("got %d addresses, want none", n)
	}
}

func TestCachedTrafficKeepsAnAddress(t *testing.T) {
	tb, clock := newTable(t, Options{MACAgeing: 20 * time.Second}, trunks(1, 2, 3), "actions=NORMAL")
	v := live(t, tb, "in_port=1,"+fromA)
	for range 5 {
		clock.now += 15 * second
		tb.Credit(v.Trail, 10, 1000, clock.now)
		tb.Expire(clock.now)
	}
	wantProgram(t, look(t, tb, "in_port=2,"+fromB), "output:1")

	// A host that came back to a port for which a flow is still cached sends nothing to the slow path.
	live(t, tb, "in_port=3,"+fromA)
	wantProgram(t, look(t, tb, "in_port=2,"+fromB), "output:3")
	clock.now += second
	tb.Credit(v.Trail, 1, 100, clock.now)
	wantProgram(t, look(t, tb, "in_port=2,"+fromB), "output:1")
}

func TestNormalAndVLANs(t *testing.T) {
	ports := append(trunks(1, 2, 3, 4, 5), rules.Port{ID: 106, Number: 6, Name: "p6", VLAN: rules.VLAN{Trunks: []uint16{10}}})
	ports[2].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 10}
	ports[3].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 10}
	ports[4].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 20}
	for _, c := range []struct{ name, packet, want string }{
		{"an untagged packet on an access port is in its VLAN", "in_port=3", "push_vlan(vid=10,pcp=0),output:1,output:2,pop_vlan,output:4,push_vlan(vid=10,pcp=0),output:6"},
		{"a tagged packet on an access port is dropped, of that VLAN too", "in_port=3,dl_vlan=10", "drop(vlan_not_allowed)"},
		{"a priority tag on an access port gives the priority", "in_port=5,dl_vlan=0,dl_vlan_pcp=3", "set(vlan_tci=0x6014/0xefff),output:1,output:2"},
		{"a tagged packet on a trunk leaves access ports untagged", "in_port=1,dl_vlan=10,dl_vlan_pcp=5", "output:2,pop_vlan,output:3,output:4,push_vlan(vid=10,pcp=5),output:6"},
		{"an untagged packet on a trunk is in VLAN 0", "in_port=1", "output:2"},
		{"a trunk does not take VLANs that are not its own", "in_port=6,dl_vlan=20", "drop(vlan_not_allowed)"},
		{"a trunk that does not list VLAN 0 takes no untagged packets", "in_port=6", "drop(vlan_not_allowed)"},
		{"the tag of VLAN 0 goes when it has no priority", "in_port=1,dl_vlan=0,dl_vlan_pcp=0", "pop_vlan,output:2"},
		{"and stays when it has", "in_port=1,dl_vlan=0,dl_vlan_pcp=1", "output:2"},
		{"a tag cut short", "in_port=1,dl_type=0x8100", "drop(bad_vlan)"},
		{"a service tag cut short", "in_port=1,dl_type=0x88a8", "drop(bad_vlan)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, _ := newTable(t, Options{}, ports, "actions=NORMAL")
			wantProgram(t, look(t, tb, c.packet), c.want)
		})
	}
	t.Run("addresses are learned by VLAN", func(t *testing.T) {
		tb, _ := newTable(t, Options{}, ports, "actions=NORMAL")
		live(t, tb, "in_port=3,"+fromA)
		wantProgram(t, look(t, tb, "in_port=4,"+fromB), "output:3")
		wantProgram(t, look(t, tb, "in_port=1,dl_vlan=10,"+fromB), "pop_vlan,output:3")
		wantProgram(t, look(t, tb, "in_port=5,"+fromB), "push_vlan(vid=20,pcp=0),output:1,output:2")
	})
	t.Run("actions after NORMAL see the packet as it was before", func(t *testing.T) {
		tb, _ := newTable(t, Options{}, ports, "actions=NORMAL,1")
		wantProgram(t, look(t, tb, "in_port=5"), "push_vlan(vid=20,pcp=0),output:1,output:2,pop_vlan,output:1")
	})
}

// TestNormalAndVLANModes: what a packet looks like on ports of all modes in VLAN 10. Programs have the
// ports in the order of their numbers; 9 is the one it comes from.
func TestNormalAndVLANModes(t *testing.T) {
	ports := trunks(1, 2, 3, 4, 5, 6, 7, 9)
	ports[1].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 10, PriorityTags: rules.PriorityTagsIfNonzero}
	ports[2].VLAN = rules.VLAN{Mode: rules.VLANNativeTagged, Tag: 10, Trunks: []uint16{20}}
	ports[3].VLAN = rules.VLAN{Mode: rules.VLANNativeUntagged, Tag: 10, Trunks: []uint16{20}}
	ports[4].VLAN = rules.VLAN{Mode: rules.VLANDot1qTunnel, Tag: 10}
	ports[5].VLAN = rules.VLAN{Mode: rules.VLANDot1qTunnel, Tag: 10, CVLANs: []uint16{30}, QinQType: 0x8100}
	ports[6].VLAN = rules.VLAN{Mode: rules.VLANNativeUntagged, Tag: 20, Trunks: []uint16{20}, PriorityTags: rules.PriorityTagsAlways}
	in := &ports[7]
	tag := func(mode rules.VLANMode) rules.VLAN { return rules.VLAN{Mode: mode, Tag: 10} }
	const inner = "in_port=9,vlan_tci=0x100a,vlan_tpid=0x88a8,vlan_tci1=0x101e,vlan_tpid1=0x8100"
	for _, c := range []struct {
		name         string
		in           rules.VLAN
		packet, want string
	}{
		{"a tag of the VLAN", rules.VLAN{}, "in_port=9,dl_vlan=10,dl_vlan_pcp=0", "output:1,pop_vlan,output:2,push_vlan(vid=10,pcp=0),output:3,pop_vlan,output:4,output:5"},
		{"its priority, where it loses its VLAN", rules.VLAN{}, "in_port=9,dl_vlan=10,dl_vlan_pcp=3", "output:1,set(vlan_tci=0x6000/0xefff),output:2,set(vlan_tci=0x600a/0xefff),output:3,pop_vlan,output:4,output:5"},
		{"a tag behind it", rules.VLAN{}, inner, "output:1,output:3,pop_vlan,output:4,output:5,output:6"},
		{"a VLAN that natives list", rules.VLAN{}, "in_port=9,dl_vlan=20", "output:1,output:3,output:4,pop_vlan,output:7"},
		{"VLAN 0 is of no port with a native one", rules.VLAN{}, "in_port=9", "output:1"},
		{"an untagged packet on native-tagged", tag(rules.VLANNativeTagged), "in_port=9", "push_vlan(vid=10,pcp=0),output:1,pop_vlan,output:2,push_vlan(vid=10,pcp=0),output:3,pop_vlan,output:4,output:5"},
		{"a tag of the native VLAN", tag(rules.VLANNativeUntagged), "in_port=9,dl_vlan=10", "output:1,pop_vlan,output:2,push_vlan(vid=10,pcp=0),output:3,pop_vlan,output:4,output:5"},
		{"an untagged packet in a tunnel", tag(rules.VLANDot1qTunnel), "in_port=9", "push_vlan(tpid=0x88a8,vid=10,pcp=0),output:1,pop_vlan,output:2,push_vlan(tpid=0x88a8,vid=10,pcp=0),output:3,pop_vlan,output:4,output:5"},
		{"a tagged packet in a tunnel", tag(rules.VLANDot1qTunnel), "in_port=9,dl_vlan=30", "push_vlan(tpid=0x88a8,vid=10,pcp=0),output:1,output:3,pop_vlan,output:4,output:5,output:6"},
		{"a packet with two tags keeps both in a tunnel", tag(rules.VLANDot1qTunnel), inner, "push_vlan(tpid=0x88a8,vid=10,pcp=0),output:1,output:3,pop_vlan,output:4,output:5"},
		{"a tunnel with other service tags", rules.VLAN{Mode: rules.VLANDot1qTunnel, Tag: 10, QinQType: 0x8100}, "in_port=9,dl_vlan=40", "push_vlan(vid=10,pcp=0),output:1,output:3,pop_vlan,output:4,output:5"},
		{"a tunnel takes no VLAN it does not list", rules.VLAN{Mode: rules.VLANDot1qTunnel, Tag: 10, CVLANs: []uint16{30}}, "in_port=9,dl_vlan=40", "drop(vlan_not_allowed)"},
		{"nor untagged packets, when it lists any", rules.VLAN{Mode: rules.VLANDot1qTunnel, Tag: 10, CVLANs: []uint16{30}}, "in_port=9", "drop(vlan_not_allowed)"},
		{"a native port takes no VLAN it does not list", rules.VLAN{Mode: rules.VLANNativeTagged, Tag: 10, Trunks: []uint16{20}}, "in_port=9,dl_vlan=30", "drop(vlan_not_allowed)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in.VLAN = c.in
			tb, _ := newTable(t, Options{}, ports, "actions=NORMAL")
			wantProgram(t, look(t, tb, c.packet), c.want)
		})
	}
}

func TestFloodVLANsLearnNothing(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2, 3), "actions=NORMAL")
	live(t, tb, "in_port=2,dl_vlan=5,"+fromB)
	v := live(t, tb, "in_port=2,dl_vlan=6,"+fromB)
	version := tb.Changes(0, new(rules.ChangeSet))
	if err := tb.SetOptions(Options{FloodVLANs: []uint16{6}}); err != nil {
		t.Fatal(err)
	}
	var c rules.ChangeSet
	tb.Changes(version, &c)
	if len(c.Changes) != 1 || c.Changes[0].Tag&v.Tags == 0 {
		t.Errorf("got changes %v, want one that concerns what NORMAL decided", c.Changes)
	}
	if n := len(tb.Addresses()); n != 0 {
		t.Errorf("after the VLANs changed: got %d addresses, want none", n)
	}
	clock.now += second
	tb.Credit(v.Trail, 1, 64, clock.now) // of a flow that was cached before
	live(t, tb, "in_port=2,dl_vlan=5,"+fromB)
	live(t, tb, "in_port=2,dl_vlan=6,"+fromB)
	wantProgram(t, look(t, tb, "in_port=1,dl_vlan=5,"+fromA), "output:2")
	wantProgram(t, look(t, tb, "in_port=1,dl_vlan=6,"+fromA), "output:2,output:3")
	if n := len(tb.Addresses()); n != 1 {
		t.Errorf("got %d addresses, want the one of VLAN 5", n)
	}
	if err := tb.AddAddress(fdb.MakeKey(6, [6]byte{2, 0, 0, 0, 0, 0xb}), 102); err != nil {
		t.Fatal(err)
	}
	wantProgram(t, look(t, tb, "in_port=1,dl_vlan=6,"+fromA), "output:2,output:3") // static ones neither
}

func TestPortsThatDoNotTakePart(t *testing.T) {
	for _, c := range []struct {
		name         string
		set          func(p []rules.Port)
		flows, packt string
		want         string
	}{
		{"protected ports do not forward to each other", func(p []rules.Port) { p[0].Protected, p[1].Protected = true, true }, "actions=NORMAL", "in_port=1", "output:3"},
		{"they forward to others, and others to them", func(p []rules.Port) { p[0].Protected, p[1].Protected = true, true }, "actions=NORMAL", "in_port=3", "output:1,output:2"},
		{"output is kept from it as well, as with OVS", func(p []rules.Port) { p[0].Protected, p[1].Protected = true, true }, "actions=2,in_port", "in_port=1", "drop(protected)"},
		{"no-flood is left out by FLOOD", func(p []rules.Port) { p[1].Flags = rules.NoFlood }, "actions=FLOOD", "in_port=1", "output:3"},
		{"and by NORMAL", func(p []rules.Port) { p[1].Flags = rules.NoFlood }, "actions=NORMAL", "in_port=1", "output:3"},
		{"and not by ALL", func(p []rules.Port) { p[1].Flags = rules.NoFlood }, "actions=ALL", "in_port=1", "output:2,output:3"},
		{"no-forward gets nothing", func(p []rules.Port) { p[1].Flags = rules.NoForward }, "actions=2", "in_port=1", "drop(port_no_forward)"},
		{"no-receive gives nothing", func(p []rules.Port) { p[0].Flags = rules.NoReceive }, "actions=2", "in_port=1", "drop(port_no_receive)"},
		{"but gets", func(p []rules.Port) { p[0].Flags = rules.NoReceive }, "actions=1", "in_port=2", "output:1"},
		{"down does neither", func(p []rules.Port) { p[1].Flags = rules.PortDown }, "actions=ALL", "in_port=1", "output:3"},
		{"down does neither", func(p []rules.Port) { p[0].Flags = rules.PortDown }, "actions=ALL", "in_port=1", "drop(port_no_receive)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, _ := newTable(t, Options{}, trunks(1, 2, 3), c.flows)
			before := look(t, tb, c.packt)
			version := tb.Changes(0, new(rules.ChangeSet))
			ports := trunks(1, 2, 3)
			c.set(ports)
			tb.SetPorts(ports)
			wantProgram(t, look(t, tb, c.packt), c.want)
			var all rules.ChangeSet
			tb.Changes(version, &all)
			tags := uint64(0)
			for _, one := range all.Changes {
				tags |= one.Tag
			}
			if program(before) != c.want && tags&before.Tags == 0 {
				t.Error("the verdict from before is not concerned by the change")
			}
		})
	}
}

func TestNormalAndSpecialAddresses(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "actions=NORMAL")
	wantProgram(t, live(t, tb, "in_port=1,dl_src=01:00:5e:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff"), "output:2,output:3")
	if n := len(tb.Addresses()); n != 0 {
		t.Errorf("a group address as source: got %d addresses, want none", n)
	}
	v := look(t, tb, "in_port=1,dl_dst=01:80:c2:00:00:0e")
	wantProgram(t, v, "drop(reserved_mac)")
	if err := tb.SetOptions(Options{ForwardBPDU: true}); err != nil {
		t.Fatal(err)
	}
	wantProgram(t, look(t, tb, "in_port=1,dl_dst=01:80:c2:00:00:0e"), "output:2,output:3")
}

func TestStaticAddresses(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "actions=NORMAL")
	key := fdb.MakeKey(0, [6]byte{2, 0, 0, 0, 0, 0xb})
	if err := tb.AddAddress(key, 103); err != nil {
		t.Fatal(err)
	}
	live(t, tb, "in_port=2,"+fromB)
	wantProgram(t, look(t, tb, "in_port=1,"+fromA), "output:3")
	if !tb.DeleteAddress(key) || tb.DeleteAddress(key) {
		t.Error("deleting it: want it known once")
	}
	wantProgram(t, look(t, tb, "in_port=1,"+fromA), "output:2,output:3")
}

func TestAPortThatGoesTakesItsAddressesAlong(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "actions=NORMAL")
	live(t, tb, "in_port=2,"+fromB)
	v := live(t, tb, "in_port=2,"+fromB)
	tb.SetPorts(trunks(1, 3))
	tb.Credit(v.Trail, 1, 64, tb.clock()+second) // packets that were counted late
	if n := len(tb.Addresses()); n != 0 {
		t.Errorf("got %d addresses, want none", n)
	}
	wantProgram(t, look(t, tb, "in_port=1,"+fromA), "output:3")
}

func TestPriorityOfTheTagIsNotLookedAtWhereItDoesNotMatter(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "actions=NORMAL")
	live(t, tb, "in_port=2,dl_vlan=5,"+fromB)
	got := consulted(look(t, tb, "in_port=1,tcp,dl_vlan=5,"+fromA))
	if want := "dl_src,dl_dst,vlan_tci/0x1fff"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got = consulted(look(t, tb, "in_port=1,tcp,"+fromA))
	if want := "dl_src,dl_dst,dl_type/0x8000,vlan_tci/0x1000"; !strings.HasPrefix(got, want) {
		t.Errorf("untagged: got %s, want %s", got, want)
	}
}

// draft-smith-vxlan-group-policy-05 section 2.1, the flag D.
func TestNormalLearnsNothingFromAPacketWhoseGroupPolicySaysSo(t *testing.T) {
	from := "in_port=10,tun_id=7,tun_src=192.0.2.1,tun_dst=192.0.2.9," + fromA + ",tun_gbp_flags="
	for _, c := range []struct {
		exts, flags, want string
		looks             bool // at the flag
	}{
		{" exts=gbp", "0x40", "", true},
		{" exts=gbp", "0x48", "", true},
		{" exts=gbp", "0x08", "0/02:00:00:00:00:0a", true},
		{" exts=gbp", "0", "0/02:00:00:00:00:0a", true},
		{"", "0", "0/02:00:00:00:00:0a", false},
	} {
		tb := tunnelBench(t, roads{one: underlay.OK}, "actions=NORMAL", "vxlan remote_ip=192.0.2.1 key=7"+c.exts)
		v := verdictOf(t, tb, packet(t, from+c.flags))
		tb.Credit(v.Trail, 1, 60, 1001*second)
		var got []string
		for _, a := range tb.Addresses() {
			got = append(got, a.Key.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s, flags %s: learned %v, want %q", c.exts, c.flags, got, c.want)
		}
		if looks := v.Mask.Uint(flow.FieldTunGBPFlags)&0x40 != 0; looks != c.looks {
			t.Errorf("%s: the mask has the flag: %t", c.exts, looks)
		}
	}
	// What has been set since, for a tunnel that the packet goes into, says nothing of where it came from.
	tb := tunnelBench(t, roads{one: underlay.OK}, "actions=load:0x40->NXM_NX_TUN_GBP_FLAGS[],NORMAL", "vxlan remote_ip=192.0.2.1 key=7 exts=gbp")
	verdictOf(t, tb, packet(t, from+"0"))
	if n := len(tb.Addresses()); n != 1 {
		t.Errorf("%d addresses learned, want 1", n)
	}
}

package openflow

import "testing"

func TestAClonesChangesStayInIt(t *testing.T) {
	for _, c := range []struct{ actions, packet, want, consults string }{
		{"clone(mod_dl_dst:00:00:00:00:00:02,2),3", "in_port=1,dl_dst=00:00:00:00:00:07",
			"set(dl_dst=00:00:00:00:00:02),output:2,set(dl_dst=00:00:00:00:00:07),output:3", "dl_dst"},
		// What nobody needs back is not looked at: every next hop of a group in one megaflow.
		{"clone(mod_dl_dst:00:00:00:00:00:02,2),mod_dl_dst:00:00:00:00:00:03,3", "in_port=1,dl_dst=00:00:00:00:00:07",
			"set(dl_dst=00:00:00:00:00:02),output:2,set(dl_dst=00:00:00:00:00:03),output:3", ""},
		{"clone(mod_dl_dst:00:00:00:00:00:02,2)", "in_port=1,dl_dst=00:00:00:00:00:07",
			"set(dl_dst=00:00:00:00:00:02),output:2", ""},
		{"mod_dl_dst:00:00:00:00:00:03,clone(mod_dl_dst:00:00:00:00:00:02,2),3", "in_port=1",
			"set(dl_dst=00:00:00:00:00:02),output:2,set(dl_dst=00:00:00:00:00:03),output:3", ""},
		// Tags are not set back, they are put on copies.
		{"clone(push_vlan:0x8100,2),3", "in_port=1", "clone(push_vlan(vid=0,pcp=0),output:2),output:3", "vlan_tci,vlan_tpid,vlan_tci1"},
		{"3,clone(push_vlan:0x8100,2)", "in_port=1", "output:3,push_vlan(vid=0,pcp=0),output:2", "vlan_tci,vlan_tpid,vlan_tci1"},
		{"clone(clone(push_vlan:0x8100,2),3),clone(push_vlan:0x8100,clone(push_vlan:0x88a8,2))", "in_port=1",
			"clone(push_vlan(vid=0,pcp=0),output:2),output:3," +
				"push_vlan(vid=0,pcp=0),push_vlan(tpid=0x88a8,vid=0,pcp=0),output:2", "vlan_tci,vlan_tpid,vlan_tci1"},
		{"clone(2,exit,3),4", "in_port=1", "output:2", ""},
		{"clone(load:7->reg0),resubmit(,1)", "in_port=1", "output:5", ""},
		{"clone(drop),2", "in_port=1", "output:2", ""},
	} {
		table, _ := newTable(t, Options{}, trunks(1, 2, 3, 4, 5), "actions="+c.actions+"\ntable=1,reg0=7,actions=4\ntable=1,reg0=0,actions=5")
		v := look(t, table, c.packet)
		if got := program(v); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.actions, got, c.want)
		}
		if got := consulted(v); got != c.consults {
			t.Errorf("%s consults %q, want %q", c.actions, got, c.consults)
		}
	}
}

func TestActionsWithinAnotherCountAsTheFlows(t *testing.T) {
	table, _ := newTable(t, Options{}, trunks(1, 2), "priority=1,actions=clone(clone(output:2))\npriority=2,actions=output:1")
	f, err := ParseFilter("out_port=2", false)
	if err != nil {
		t.Fatal(err)
	}
	if n := table.DeleteFlows(f); n != 1 {
		t.Errorf("%d flows send to port 2, want 1", n)
	}
}

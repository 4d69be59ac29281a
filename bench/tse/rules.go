package main

import (
	"fmt"
	"net/netip"
)

// Hosts, in the order of their ports, which count from 1.
const (
	uplink = iota // the attacker's, and the victim's behind it
	beside
	fromBeside
	fromBehind
)

// flows is how many established flows a victim has.
const flows = 64

// accessList returns the rules of the attack, for both switches: victims by port and address, then the four
// things allowed on the attacker's port, and nothing else.
func accessList(victimBeside, victimBehind netip.Addr) []string {
	return []string{
		fmt.Sprintf("priority=50,ip,in_port=%d,nw_src=%s,actions=output:%d", beside+1, victimBeside, fromBeside+1),
		fmt.Sprintf("priority=50,ip,in_port=%d,nw_src=%s,actions=output:%d", uplink+1, victimBehind, fromBehind+1),
		fmt.Sprintf("priority=40,udp,in_port=%d,tp_dst=%d,actions=output:%d", uplink+1, allowedPort, fromBehind+1),
		fmt.Sprintf("priority=30,udp,in_port=%d,nw_src=%s,actions=output:%d", uplink+1, allowedFrom, fromBehind+1),
		fmt.Sprintf("priority=20,udp,in_port=%d,tp_src=%d,actions=output:%d", uplink+1, allowedSource, fromBehind+1),
		fmt.Sprintf("priority=10,udp,in_port=%d,nw_dst=%s,actions=output:%d", uplink+1, allowedTo, fromBehind+1),
		"priority=0,actions=drop",
	}
}

// newFlowRules returns the rules of the flood. Ports that are moved into a register count whole: every flow is a
// megaflow of its own.
func newFlowRules() []string {
	return []string{
		fmt.Sprintf("table=0,priority=100,udp,in_port=%d,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],move:NXM_OF_UDP_DST[]->NXM_NX_REG0[16..31],resubmit(,1)", uplink+1),
		"table=1,priority=20,udp,nw_src=192.0.2.0/24,actions=drop",
		"table=1,priority=20,udp,reg0=0x12345678,actions=drop",
		fmt.Sprintf("table=1,priority=10,udp,actions=output:%d", fromBehind+1),
	}
}

package openflow

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/lacp"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// heard takes what LACP's partner has sent, and reports whether the packet is that. It concerns no rule. Each of them is to
// be heard: they are never cached.
func (x *xlate) heard(in *rules.Port) bool {
	b := x.t.ports.bonds[in.ID]
	if b == nil || !b.state.Speaks() || !x.isLACP() {
		return false
	}
	x.spoil()
	x.v.NoCache = true
	x.v.Actions.Drop(action.ToBond)
	x.trace(0, ">>>> LACP, for bond %s <<<<", b.set.Name)
	if x.q.Live && len(x.q.Packet) >= wire.EthernetSize && x.mayChange() {
		x.t.bondCounts.lacpIn.Add(1)
		b.state.Hear(in.ID, x.q.Packet[wire.EthernetSize:], x.q.Now)
		x.t.runBond(b, x.q.Now)
	}
	return true
}

// isLACP reports whether the packet is of the slow protocols, without a tag. Types below 0x8000, IPv4 and ARP among them,
// are told apart by one bit.
func (x *xlate) isLACP() bool {
	typ := uint16(x.work.Uint(flow.FieldEthType))
	if typ < 0x8000 {
		x.seeBits(flow.FieldEthType, 0x8000)
		return false
	}
	x.see(flow.FieldEthType)
	return typ == lacp.EtherType && !x.tagged()
}

// admitted is the steps "Bond admissions" of NORMAL: whether a bond lets a packet in that came by a port of it.
func (x *xlate) admitted(b *bonded, port, place *rules.Port, src fdb.Key, dst [6]byte, announces bool) bool {
	x.v.Tags |= x.t.portTag(b.id) | x.t.portTag(port.Number)
	switch b.state.Admit(port.ID, dst[0]&1 != 0) {
	case bond.Accepted:
		return true
	case bond.Refused:
		x.because(action.BondRefused)
		x.trace(x.level(), "-> bonding refused admissibility, dropping")
		return false
	}
	x.v.Tags |= x.t.sourceTag(src)
	if id, known := x.t.fdb.Lookup(src); !known || id == place.ID {
		return true
	}
	if announces {
		if !x.t.fdb.Locked(src, x.q.Now) {
			return true // the host has moved there
		}
		x.v.NoCache = true // the lock ends by itself
	}
	x.because(action.BondLooped)
	x.trace(x.level(), "-> SLB bond thinks this packet looped back, dropping")
	return false
}

// announces reports whether the packet says to all where its sender is: a gratuitous ARP.
func (x *xlate) announces() bool {
	if !x.need(flow.NeedARP) {
		return false
	}
	x.see(flow.FieldEthDst)
	if [6]byte(x.work.Bytes(flow.FieldEthDst)) != [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} {
		return false
	}
	const request, reply = 1, 2
	x.see(flow.FieldARPOp)
	switch x.work.Uint(flow.FieldARPOp) {
	case reply:
		return true
	case request:
		x.see(flow.FieldARPSPA)
		x.see(flow.FieldARPTPA)
		return x.work.Uint(flow.FieldARPSPA) == x.work.Uint(flow.FieldARPTPA)
	}
	return false
}

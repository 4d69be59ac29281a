package openflow

import (
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/mdb"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Snooping is how NORMAL treats IP multicast (ovs-vswitchd.conf.db(5), mcast_snooping_enable and the columns
// of other_config that begin with mcast-snooping).
type Snooping struct {
	Enabled   bool          // packets to a group go where somebody listens to it; otherwise everywhere
	TableSize int           // groups; 0: mdb.DefaultCapacity
	Ageing    time.Duration // of what hosts report; 0: mdb.DefaultAgeing
	// DropUnregistered: what nobody listens to goes to routers only, not everywhere.
	DropUnregistered bool
}

func (s *Snooping) options() mdb.Options {
	return mdb.Options{Capacity: s.TableSize, Ageing: s.Ageing}
}

// snooped reports whether a packet to a group address is one of the multicast path's.
func (x *xlate) snooped(dst [6]byte) bool {
	return x.t.snooping.Enabled && dst[0]&1 != 0 && dst != [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} && x.need(flow.NeedIP)
}

// multicast is the step "IP multicast path". What it does depends on messages of IGMP and MLD that have come
// before; those themselves are never cached, since each is to be heard.
func (x *xlate) multicast(in *rules.Port, m *member) {
	x.v.Tags |= x.t.portsTag()
	var to [64]uint32 // more are on the heap
	if typ, ok := x.membership(); ok {
		x.v.NoCache = true
		x.hear(in, m.vlan)
		if !reports(typ) {
			x.trace(x.level(), "-> multicast query or the like, flooding")
			x.floodVLAN(in, m)
			return
		}
		x.trace(x.level(), "-> forwarding report to mcast router ports")
		x.sendTo(in, m, append(x.t.routers(x, m.vlan, to[:0]), x.t.ports.mcastReports...))
		return
	}
	key := mdb.Key{VLAN: m.vlan, Group: x.groupAddress()}
	if mdb.Reserved(key.Group) {
		x.trace(x.level(), "-> reserved multicast group, flooding")
		x.floodVLAN(in, m)
		return
	}
	x.v.Tags |= x.t.listenersTag(key) | x.t.snoopingTag()
	list, known := x.t.mdb.Members(key, to[:0])
	if !known && !x.t.snooping.DropUnregistered {
		x.trace(x.level(), "-> unregistered multicast, flooding")
		x.floodVLAN(in, m)
		return
	}
	if known {
		x.trace(x.level(), "-> forwarding to mcast group ports")
	} else {
		x.trace(x.level(), "-> unregistered multicast, forwarding to mcast router ports")
	}
	x.sendTo(in, m, append(x.t.routers(x, m.vlan, list), x.t.ports.mcastFlood...))
}

// A kind of message: its protocol family and type.
type membershipType struct {
	v6  bool
	typ uint8
}

// reports reports whether a message is one of hosts, which other hosts need not hear (RFC 4541 section 2.1.1).
func reports(t membershipType) bool {
	if t.v6 {
		return t.typ != wire.MLDQuery
	}
	switch t.typ {
	case wire.IGMPv1Report, wire.IGMPv2Report, wire.IGMPv3Report, wire.IGMPLeave:
		return true
	}
	return false
}

// membership reports whether the packet is a message of IGMP or MLD, and of which type.
func (x *xlate) membership() (t membershipType, ok bool) {
	if x.need(flow.NeedIPv4) {
		x.see(flow.FieldIPProto)
		if x.work.Uint(flow.FieldIPProto) != wire.ProtoIGMP {
			return t, false
		}
		x.see(flow.FieldICMPType) // IGMP's is in its place
		return membershipType{typ: uint8(x.work.Uint(flow.FieldICMPType))}, true
	}
	if !x.need(flow.NeedICMPv6) {
		return t, false
	}
	x.see(flow.FieldICMPv6Type)
	switch typ := uint8(x.work.Uint(flow.FieldICMPv6Type)); typ {
	case wire.MLDQuery, wire.MLDReport, wire.MLDDone, wire.MLDv2Report:
		return membershipType{true, typ}, true
	}
	return t, false
}

// groupAddress returns the address that the packet goes to.
func (x *xlate) groupAddress() [16]byte {
	f := flow.FieldIPv6Dst
	if x.need(flow.NeedIPv4) {
		f = flow.FieldIPDst
	}
	block := f.Info().Block
	x.uses[block] = flow.Block{}
	x.uses.SetExact(f)
	x.consultBlock(int(block))
	if f == flow.FieldIPDst {
		return wire.MappedIPv4([4]byte(x.work.Bytes(f)))
	}
	return [16]byte(x.work.Bytes(f))
}

// hear learns from a message. One that is damaged says nothing, and nothing is learned on ports that get
// everything.
func (x *xlate) hear(in *rules.Port, vlan uint16) {
	if !x.q.Live || in.Multicast.Flood {
		return
	}
	msg, ok := wire.ParseMembership(x.q.Packet)
	if !ok {
		x.trace(x.level(), "-> not a message of IGMP or MLD in order, nothing is learned")
		return
	}
	var c mdb.Changes
	for group, leaves, ok := msg.Next(); ok; group, leaves, ok = msg.Next() {
		key, before, what := mdb.Key{VLAN: vlan, Group: group}, len(c.Groups), "is"
		switch {
		case !leaves:
			x.t.mdb.Join(key, in.ID, x.q.Now, &c)
		case !in.Multicast.FloodReports: // behind which others may listen still
			x.t.mdb.Leave(key, in.ID, &c)
			what = "is no longer"
		}
		if len(c.Groups) > before && x.q.Trace != nil {
			x.trace(x.level(), "-> multicast snooping learned that %v %s on port %s in VLAN %d", key.Addr(), what, in.Name, vlan)
		}
	}
	if !reports(membershipType{msg.V6, msg.Type}) && !msg.Anonymous {
		x.t.mdb.Query(vlan, in.ID, x.q.Now, &c)
		if len(c.Routers) > 0 && x.q.Trace != nil {
			x.trace(x.level(), "-> multicast snooping learned of a router on port %s in VLAN %d", in.Name, vlan)
		}
	}
	x.t.listenersChanged(&c)
}

// sendTo sends the packet to ports, to each once, but to its input port.
func (x *xlate) sendTo(in *rules.Port, m *member, list []uint32) {
	slices.Sort(list)
	has, none := m.was, true
	for _, id := range slices.Compact(list) {
		port := x.t.ports.byPlace[id]
		if port != nil && port != in && x.goesTo(port, m) {
			has = x.sendTagged(port, m, has)
			none = false
		}
	}
	x.retag(has, m.was)
	if none {
		x.because(action.NoTarget)
	}
}

// routers appends the ports with multicast routers of a VLAN, on which the verdict of x depends then.
func (t *Table) routers(x *xlate, vlan uint16, ports []uint32) []uint32 {
	x.v.Tags |= t.routersTag(vlan) | t.snoopingTag()
	return t.mdb.Routers(vlan, ports)
}

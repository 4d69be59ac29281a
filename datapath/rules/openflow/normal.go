package openflow

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/flowcache/flow"
)

const (
	tciVID = 0x0fff
	tciPCP = 0xe000
)

// normal treats the packet as a learning switch does (ovs-actions(7), "The OVS Normal Pipeline", whose
// steps the numbers are).
func (x *xlate) normal() {
	// 1. Input port lookup: what in_port says now.
	number := uint32(x.work.Uint(flow.FieldInPort))
	in := x.t.ports.byNumber[number]
	if in == nil {
		x.v.Tags |= x.t.portTag(number)
		x.because(action.NoPort)
		if x.q.Trace != nil {
			x.trace(x.level(), "-> no input port %d, dropping", number)
		}
		return
	}
	// 2. Drop malformed packet.
	if x.cutTag() {
		x.because(action.BadVLAN)
		x.trace(x.level(), "-> partial VLAN tag, dropping")
		return
	}
	// 4. VLAN input processing.
	vlan, ok := x.inputVLAN(in)
	if !ok {
		x.because(action.VLANNotAllowed)
		x.trace(x.level(), "-> disallowed VLAN for this input port, dropping")
		return
	}
	// 5. Drop reserved multicast addresses.
	x.see(flow.FieldEthDst)
	x.see(flow.FieldEthSrc)
	src, dst := [6]byte(x.work.Bytes(flow.FieldEthSrc)), [6]byte(x.work.Bytes(flow.FieldEthDst))
	if reservedMAC(dst) {
		x.v.Tags |= x.t.portsTag()
		if !x.t.forwardBPDU {
			x.because(action.ReservedMAC)
			x.trace(x.level(), "-> reserved destination address, dropping")
			return
		}
	}
	// 8. Learn source MAC.
	x.learn(fdb.MakeKey(vlan, src), in)
	// 10. Output port set.
	x.forward(in, fdb.MakeKey(vlan, dst), dst[0]&1 != 0)
}

// cutTag reports whether the packet ends within its tag: it says that it has one, and has none.
func (x *xlate) cutTag() bool {
	if x.tagged() {
		return false
	}
	// Types below 0x8000, IPv4 and ARP among them, are told apart by one bit.
	typ := uint16(x.work.Uint(flow.FieldEthType))
	if typ < 0x8000 {
		x.seeBits(flow.FieldEthType, 0x8000)
		return false
	}
	x.see(flow.FieldEthType)
	return typ == tpid8021Q || typ == 0x88a8
}

// inputVLAN returns the VLAN the packet is in, and whether the port admits it.
func (x *xlate) inputVLAN(in *rules.Port) (vlan uint16, ok bool) {
	if x.tagged() {
		x.seeBits(flow.FieldVLANTCI, tciVID)
		vlan = outerTag(&x.work).tci() & tciVID
	}
	if in.VLAN.Mode == rules.VLANAccess {
		return in.VLAN.Tag, vlan == 0 // a tag of VLAN 0 has a priority only
	}
	return vlan, x.t.ports.carries(in, vlan)
}

// learn notes where the source is, now or whenever packets of the verdict are counted.
func (x *xlate) learn(key fdb.Key, in *rules.Port) {
	if mac := key.MAC(); mac[0]&1 != 0 {
		return
	}
	x.v.Trail = append(x.v.Trail, learnWord(key), uint64(in.ID))
	if !x.q.Live {
		return
	}
	r := x.t.fdb.Learn(key, in.ID, x.q.Now)
	x.t.learned(key, r)
	if r.New || r.Moved {
		if x.q.Trace != nil {
			x.trace(x.level(), "-> learned %v on port %s", key, in.Name)
		}
	}
}

// forward sends the packet to where its destination is, or everywhere.
func (x *xlate) forward(in *rules.Port, dst fdb.Key, group bool) {
	vlan := dst.VLAN()
	if !group {
		x.v.Tags |= x.t.addressTag(dst)
		if id, ok := x.t.fdb.Lookup(dst); ok {
			if port := x.t.ports.byID[id]; port != nil {
				x.toLearned(in, port, vlan)
				return
			}
		}
	}
	x.v.Tags |= x.t.portsTag()
	x.trace(x.level(), "-> no learned MAC for destination, flooding")
	x.floodVLAN(in, vlan)
}

func (x *xlate) toLearned(in, port *rules.Port, vlan uint16) {
	x.v.Tags |= x.t.portTag(port.Number)
	switch {
	case port == in:
		x.because(action.NoTarget)
		x.trace(x.level(), "-> destination is on the input port, dropping")
	case !x.t.ports.carries(port, vlan):
		x.because(action.VLANNotAllowed)
		if x.q.Trace != nil {
			x.trace(x.level(), "-> destination port %s is not in VLAN %d, dropping", port.Name, vlan)
		}
	default:
		if x.q.Trace != nil {
			x.trace(x.level(), "-> forwarding to learned port %s", port.Name)
		}
		was := x.outsideTag()
		x.retag(x.outputVLAN(port, vlan, was, was), was)
	}
}

func (x *xlate) floodVLAN(in *rules.Port, vlan uint16) {
	was := x.outsideTag()
	has, none := was, true
	for i := range x.t.ports.list {
		if port := &x.t.ports.list[i]; port != in && x.t.ports.carries(port, vlan) {
			has = x.outputVLAN(port, vlan, was, has)
			none = false
		}
	}
	x.retag(has, was)
	if none {
		x.because(action.NoTarget)
	}
}

// outsideTag returns the packet's outer tag, 0 if it has none.
func (x *xlate) outsideTag() tag {
	if !x.tagged() {
		return 0
	}
	return outerTag(&x.work)
}

// outputVLAN sends the packet to a port with the tag that belongs there, and returns it. was is the tag
// it came with, has the one it has.
func (x *xlate) outputVLAN(port *rules.Port, vlan uint16, was, has tag) tag {
	want := x.tagFor(port, vlan, was)
	x.retag(has, want)
	x.output(port)
	return want
}

// tagFor returns the tag of a packet in vlan on a port: none on an access port; on a trunk that of the
// VLAN, with the priority and type the packet came with. A tag of VLAN 0 stays where it has a priority,
// as with OVS 3.1.
func (x *xlate) tagFor(port *rules.Port, vlan uint16, was tag) tag {
	if port.VLAN.Mode == rules.VLANAccess {
		return 0
	}
	if was == 0 {
		if vlan == 0 {
			return 0
		}
		return makeTag(tpid8021Q, flow.VLANPresent|vlan)
	}
	if vlan == was.tci()&tciVID && vlan != 0 {
		return was
	}
	x.seeOutside()
	if vlan == 0 && was.tci()&tciPCP == 0 {
		return 0
	}
	return makeTag(was.tpid(), was.tci()&^tciVID|vlan)
}

// retag gives the packet the tag want in place of the tag has; 0 is none. A tag behind them is the
// packet's own business: without has, it is the outer one in the key.
func (x *xlate) retag(has, want tag) {
	switch {
	case has == want:
	case want == 0:
		x.seeOutside() // other ports may need it back
		x.popVLAN()
	case has == 0:
		x.pushVLAN(want.tpid(), want.tci())
	default:
		x.changeTag(want.tci()&^flow.VLANPresent, tciVID|tciPCP)
	}
}

// seeOutside consults the outer tag as a whole.
func (x *xlate) seeOutside() {
	x.see(flow.FieldVLANTCI)
	x.see(flow.FieldVLANTPID)
}

// reservedMAC reports whether a switch does not forward frames to mac: the link-local addresses of IEEE
// 802.1D, and those of EAPS, the Cisco and the Extreme protocols (eth_addr_is_reserved of OVS,
// ovs-vswitchd.conf.db(5), forward-bpdu).
func reservedMAC(mac [6]byte) bool {
	v := uint64(fdb.MakeKey(0, mac))
	switch {
	case v&^0xf == 0x0180c2000000, // IEEE 802.1D 7.12.6
		v == 0x00e02b000000,      // EDP
		v == 0x00e02b000004,      // EAPS
		v == 0x00e02b000006,      // EAPS
		v == 0x01000c000000,      // ISL
		v == 0x01000ccccccc,      // CDP, VTP, DTP, PAgP, UDLD
		v == 0x01000ccccccd,      // PVST+
		v == 0x01000ccdcdcd,      // STP uplink fast
		v&^0x7 == 0x01000cccccc0: // Cisco's
		return true
	}
	return false
}

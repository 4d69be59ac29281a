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
	x.switched = true
	defer func() { x.switched = false }()
	x.v.Rewrote |= x.touched // what follows looks addresses up by the packet as it is now
	// 1. Input port lookup: what in_port says now.
	number := uint32(x.work.Uint(flow.FieldInPort))
	port := x.t.ports.byNumber[number]
	if port == nil {
		x.v.Tags |= x.t.portTag(number)
		x.because(action.NoPort)
		if x.q.Trace != nil {
			x.trace(x.level(), "-> no input port %d, dropping", number)
		}
		return
	}
	in := x.t.ports.place(port)
	// 2. Drop malformed packet.
	if x.cutTag() {
		x.because(action.BadVLAN)
		x.trace(x.level(), "-> partial VLAN tag, dropping")
		return
	}
	// 4. VLAN input processing.
	m, ok := x.member(in)
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
	// 6 and 7. Bond admissions.
	announces := len(x.t.bonds) > 0 && x.announces()
	if b := x.t.ports.bonds[port.ID]; b != nil && !x.admitted(b, port, in, fdb.MakeKey(m.vlan, src), dst, announces) {
		return
	}
	// 8. Learn source MAC.
	x.v.Tags |= x.t.floodVLANsTag()
	flood := x.t.floodVLANs.has(m.vlan)
	if !flood && !x.secret() {
		x.learn(fdb.MakeKey(m.vlan, src), in, announces)
	}
	// 9. IP multicast path.
	if x.snooped(dst) {
		x.multicast(in, &m)
		return
	}
	// 10. Output port set.
	if !flood && dst[0]&1 == 0 && x.toLearned(in, &m, fdb.MakeKey(m.vlan, dst)) {
		return
	}
	x.v.Tags |= x.t.portsTag()
	x.trace(x.level(), "-> no learned MAC for destination, flooding")
	x.floodVLAN(in, &m)
}

// secret reports whether the packet came by a tunnel and says that nobody may learn from it where its sender is.
func (x *xlate) secret() bool {
	in := x.t.ports.byID[uint32(x.q.Key.Uint(flow.FieldInPort))]
	if in == nil || !rules.Secret(in.Tunnel, x.q.Key, &x.v.Mask) {
		return false
	}
	x.trace(x.level(), "-> the packet's group policy says not to learn")
	return true
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
	return typ == tpid8021Q || typ == tpid8021AD
}

// learn notes where the source is, now or whenever packets of the verdict are counted.
func (x *xlate) learn(key fdb.Key, in *rules.Port, announced bool) {
	if mac := key.MAC(); mac[0]&1 != 0 {
		return
	}
	at := uint64(in.ID)
	if announced {
		at |= learnAnnounced
	}
	x.v.Trail = append(x.v.Trail, learnWord(key), at)
	if !x.q.Live {
		return
	}
	r := x.t.learnAt(key, in, announced, x.q.Now, x.t.fdb.Learn)
	if r.New || r.Moved {
		if x.q.Trace != nil {
			x.trace(x.level(), "-> learned %v on port %s", key, in.Name)
		}
	}
}

// learnAt has an address learned at a place. Who announces himself at a port is taken at his word for some time: the same
// from a bond is an echo then.
func (t *Table) learnAt(key fdb.Key, place *rules.Port, announced bool, now int64, learn func(fdb.Key, uint32, int64) fdb.Result) fdb.Result {
	bonded := t.ports.bonds[place.ID] != nil
	if announced && bonded && t.fdb.Locked(key, now) {
		return fdb.Result{}
	}
	r := learn(key, place.ID, now)
	t.learned(key, r)
	if announced && !bonded {
		t.fdb.Lock(key, now)
	}
	return r
}

// toLearned sends the packet to where its destination is, and reports whether that is known. An address
// that was made known by hand on a port outside of the VLAN does not lead out of the VLAN.
func (x *xlate) toLearned(in *rules.Port, m *member, dst fdb.Key) bool {
	x.v.Tags |= x.t.addressTag(dst)
	id, ok := x.t.fdb.Lookup(dst)
	port := x.t.ports.byPlace[id]
	if !ok || port == nil {
		return false
	}
	x.v.Tags |= x.t.portTag(port.Number)
	switch {
	case port == in:
		x.because(action.NoTarget)
		x.trace(x.level(), "-> destination is on the input port, dropping")
	case !x.goesTo(port, m):
		x.because(action.VLANNotAllowed)
		if x.q.Trace != nil {
			x.trace(x.level(), "-> destination port %s is not in VLAN %d, dropping", port.Name, m.vlan)
		}
	default:
		if x.q.Trace != nil {
			x.trace(x.level(), "-> forwarding to learned port %s", port.Name)
		}
		x.retag(x.sendTagged(port, m, m.was), m.was)
	}
	return true
}

func (x *xlate) floodVLAN(in *rules.Port, m *member) {
	has, none := m.was, true
	for _, port := range x.t.ports.places {
		if port != in && port.Flags&rules.NoFlood == 0 && x.goesTo(port, m) && !x.t.mirrors.reserved(port) {
			has = x.sendTagged(port, m, has)
			none = false
		}
	}
	x.retag(has, m.was)
	if none {
		x.because(action.NoTarget)
	}
}

// sendTagged sends the packet, which has the tags has, to a port with the tags that belong there, and
// returns them.
func (x *xlate) sendTagged(place *rules.Port, m *member, has tagStack) tagStack {
	port, hashed := place, false
	b := x.t.ports.bonds[place.ID]
	if b != nil {
		port, hashed = x.leave(b, m)
	}
	switch {
	case hashed && x.barred(place), !hashed && (port == nil || x.barred(port)):
		return has
	}
	want := x.tagsOn(place, m)
	x.retag(has, want)
	if hashed {
		x.outputHashed(b, place)
	} else {
		x.output(port)
	}
	return want
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

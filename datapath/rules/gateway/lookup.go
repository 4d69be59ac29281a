package gateway

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

const (
	tciVID  = 0x0fff
	vlanTag = wire.TypeVLAN << 16 // TPID of what is pushed
)

// A look is one look-up.
type look struct {
	t *Table
	*state
	q *rules.Query
	v *rules.Verdict

	in     *rules.Port
	seg    *segment
	tagged bool
	vlan   uint16 // of the tag; 0: none, or one of VLAN 0
	// ours: the packet leaves as the gateway's own, routed or turned around, and not as one of its segment's.
	ours   bool
	unsent action.Reason // why it did not leave by the last tunnel that it did not leave by
}

// Lookup implements rules.Table.
func (t *Table) Lookup(q *rules.Query, v *rules.Verdict) error {
	if !q.RLock(&t.mu) {
		return rules.ErrWait
	}
	defer t.mu.RUnlock()
	l := look{t: t, state: t.state, q: q, v: v}
	l.in = l.ports[uint32(q.Key.Uint(flow.FieldInPort))]
	switch {
	case l.in == nil:
		l.drop(action.NoBridge)
	case l.in.Flags&(rules.PortDown|rules.NoReceive) != 0:
		l.drop(action.PortNoReceive)
	case !l.enter():
		l.drop(action.NoInterface)
	default:
		l.frame()
	}
	return nil
}

// drop ends the verdict.
func (l *look) drop(r action.Reason) {
	l.v.Actions.Drop(r)
	l.trace("drop: %s", r)
}

// trace tells the tracer, if there is one.
func (l *look) trace(format string, args ...any) {
	if l.q.Trace != nil {
		l.q.Trace.Step(0, fmt.Sprintf(format, args...))
	}
}

func (l *look) see(f flow.FieldID) { l.v.Mask.SetExact(f) }

func (l *look) mac(f flow.FieldID) [6]byte { return [6]byte(l.q.Key.Bytes(f)) }

// enter finds the segment that the packet is in.
func (l *look) enter() bool {
	l.v.Mask.SetBits(flow.FieldVLANTCI, flow.VLANPresent)
	tci := uint16(l.q.Key.Uint(flow.FieldVLANTCI))
	if l.tagged = tci&flow.VLANPresent != 0; l.tagged {
		l.v.Mask.SetBits(flow.FieldVLANTCI, tciVID)
		l.see(flow.FieldVLANTPID)
		if l.q.Key.Uint(flow.FieldVLANTPID) != wire.TypeVLAN {
			return false
		}
		l.vlan = tci & tciVID
	}
	l.seg = l.members[place{l.in.ID, l.vlan}]
	return l.seg != nil
}

// frame decides by the Ethernet addresses: whether the packet is for the gateway, or for others in its
// segment.
func (l *look) frame() {
	l.see(flow.FieldEthDst)
	dst := l.mac(flow.FieldEthDst)
	l.arrived()
	l.learn()
	if l.q.Trace != nil {
		to := dst // a copy, which may escape
		l.trace("interface %s, to %s", l.seg.Name, net.HardwareAddr(to[:]))
	}
	switch {
	case linkControl(dst):
		l.drop(action.ReservedMAC)
	case len(l.seg.Addresses) > 0 && dst == l.seg.MAC:
		l.mine()
	case dst[0]&1 != 0:
		if len(l.seg.Addresses) == 0 || !l.solicited() {
			l.flood()
		}
	default:
		l.station(dst)
	}
}

// linkControl reports whether no bridge forwards frames to mac (IEEE 802.1D, 7.12.6).
func linkControl(mac [6]byte) bool {
	return [5]byte(mac[:5]) == [5]byte{0x01, 0x80, 0xc2, 0, 0} && mac[5] < 0x10
}

// learn notes behind which of several ports the source is, unless the packet says that nobody may.
func (l *look) learn() {
	if len(l.seg.members) < 2 || rules.Secret(l.in.Tunnel, l.q.Key, &l.v.Mask) {
		return
	}
	l.see(flow.FieldEthSrc)
	src := l.mac(flow.FieldEthSrc)
	if src[0]&1 != 0 {
		return
	}
	k := fdb.MakeKey(l.seg.index, src)
	l.v.Trail = append(l.v.Trail, trailWord(trailLearn, uint64(k)), uint64(l.in.ID))
	if l.q.Live {
		l.t.learned(k, l.t.stations.Learn(k, l.in.ID, l.q.Now))
	}
}

// station sends the packet to where in its segment an Ethernet address is.
func (l *look) station(mac [6]byte) {
	if m := l.find(l.seg, mac); m != nil {
		l.send(m)
		return
	}
	l.flood()
}

// find returns where an Ethernet address is, nil if that is not known.
func (l *look) find(seg *segment, mac [6]byte) *member {
	if len(seg.members) == 1 {
		return &seg.members[0]
	}
	k := fdb.MakeKey(seg.index, mac)
	l.v.Tags |= l.t.stationTag(k)
	id, ok := l.t.stations.Lookup(k)
	if !ok {
		return nil
	}
	return seg.memberOn(id)
}

// send sends the packet to one member of its own segment.
func (l *look) send(m *member) {
	switch {
	case m.port == l.in:
		l.drop(action.NoTarget)
	case l.barred(m.port):
		l.drop(action.PortNoForward)
	case !l.output(m, l.tagged, l.vlan):
		l.undo(action.NoTarget)
	}
}

// flood sends the packet to all members of its segment but the one it came from.
func (l *look) flood() {
	if !l.outputAll(l.seg, l.in, l.tagged, l.vlan) {
		l.undo(action.NoTarget)
	}
}

// undo drops a packet that has left by no port, for this reason if no tunnel has given another.
func (l *look) undo(r action.Reason) {
	if l.unsent != 0 {
		r = l.unsent
	}
	l.v.Actions.Reset()
	l.drop(r)
}

// outputAll sends a packet with this tag to all members of a segment, except one, and reports whether it leaves by
// any.
func (l *look) outputAll(seg *segment, except *rules.Port, tagged bool, vlan uint16) (any bool) {
	for i := range seg.members {
		m := &seg.members[i]
		if m.port == except || m.port.Flags&rules.NoFlood != 0 || l.barred(m.port) {
			continue
		}
		any = l.output(m, tagged, vlan) || any
		tagged, vlan = m.vlan != 0, m.vlan
	}
	return any
}

// barred reports whether the ports' settings keep the packet from going out of one.
func (l *look) barred(p *rules.Port) bool {
	return p.Flags&(rules.PortDown|rules.NoForward) != 0 || p.Protected && l.in.Protected && p != l.in
}

// output sends the packet, which has this tag, to a member, and reports whether it leaves.
func (l *look) output(m *member, tagged bool, vlan uint16) bool {
	if l.q.Trace != nil {
		l.trace("output: %s", m.port.Name)
	}
	retag(&l.v.Actions, m, tagged, vlan)
	if m.port.Tunnel != nil {
		return l.outputTunnel(m.port)
	}
	l.v.Actions.Output(m.port.ID)
	return true
}

// retag adds to a program that a packet with this tag gets that of a member. The priority in a tag that changes its
// VLAN stays.
func retag(program *action.Program, m *member, tagged bool, vlan uint16) {
	switch {
	case m.vlan == 0 && tagged:
		program.PopVLAN()
	case m.vlan == 0, tagged && m.vlan == vlan:
	case tagged:
		program.Set(flow.FieldVLANVID, []byte{byte(m.vlan >> 8), byte(m.vlan)}, []byte{tciVID >> 8, tciVID & 0xff})
	default:
		program.PushVLAN(vlanTag>>16, m.vlan)
	}
}

// addr returns the address in a field.
func (l *look) addr(f flow.FieldID) netip.Addr {
	a, _ := netip.AddrFromSlice(l.q.Key.Bytes(f))
	return a
}

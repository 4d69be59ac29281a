package gateway

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/wire"
)

// maxHeld is how many bytes the packet that waits for a neighbour may have.
const maxHeld = 2048

// transmit sends a packet without a tag to members of a segment, and reports whether it is on its way. There may be no
// room for it now: whoever waits for it asks again. The caller holds a lock.
func (t *Table) transmit(to []member, pkt []byte) bool {
	if t.sender == nil {
		return false
	}
	var program action.Program
	tagged, vlan := false, uint16(0)
	for i := range to {
		if m := &to[i]; m.port.Flags&(rules.PortDown|rules.NoForward) == 0 {
			retag(&program, m, tagged, vlan)
			if m.port.Tunnel != nil {
				program.Send(contextOf(m.port.ID, false)) // it comes back by Receive, with its key
			} else {
				program.Output(m.port.ID)
			}
			tagged, vlan = m.vlan != 0, m.vlan
		}
	}
	if program.Empty() {
		return false
	}
	if err := t.sender.Inject(0, pkt, program.Words()); err != nil {
		t.tally.unsent.Add(1)
		return false
	}
	return true
}

// stationsOf returns the members of a segment that an Ethernet address may be behind.
func (t *Table) stationsOf(seg *segment, mac [6]byte) []member {
	if id, ok := t.stations.Lookup(fdb.MakeKey(seg.index, mac)); ok {
		if m := seg.memberOn(id); m != nil {
			return []member{*m}
		}
	}
	return seg.members
}

// ask asks all hosts of a segment who has an address (RFC 826; RFC 4861 section 7.2.2). The caller holds a
// lock.
func (t *Table) ask(h neighbour.Host) {
	if int(h.Link) >= len(t.state.segments) {
		return
	}
	seg := &t.state.segments[h.Link]
	src := seg.from(h.Addr)
	if !src.IsValid() {
		return
	}
	t.tally.asked.Add(1)
	if h.Addr.Is4() {
		t.transmit(seg.members, wire.NewARP(wire.Broadcast, wire.ARPRequest, seg.MAC, src, [6]byte{}, h.Addr))
		return
	}
	group, mac := wire.SolicitedNode(h.Addr)
	t.transmit(seg.members, wire.NewND(mac, seg.MAC, src, group, wire.NDSolicit, 0, h.Addr))
}

// hold returns the packet as it is to go out to a host of a segment, but for the host's Ethernet address; nil
// if it cannot wait.
func (l *look) hold(seg *segment) []byte {
	pkt := l.q.Packet
	if len(pkt) == 0 || len(pkt) != l.q.Size || len(pkt) > maxHeld || l.barredAll(seg) {
		return nil
	}
	at := l.l3()
	held := make([]byte, 0, len(pkt))
	held = append(append(held, pkt[:wire.EthType]...), pkt[at-2:]...)
	copy(held[wire.EthSrc:], seg.MAC[:])
	wire.SetTTL(held, wire.EthernetSize, held[wire.EthernetSize+l.ttlOffset()]-1, 0xff)
	return held
}

// barredAll reports whether none of a segment's ports may send the packet.
func (l *look) barredAll(seg *segment) bool {
	for i := range seg.members {
		if !l.barred(seg.members[i].port) {
			return false
		}
	}
	return true
}

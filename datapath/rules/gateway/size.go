package gateway

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// sizedID is the recirculation id that packets come back under with a one in dp_hash if they are longer than their way
// takes, else a zero.
const sizedID = flow.RecircHashed | 2

// mtu returns the bytes of the largest IP packet that all ports of the segment take, 0 if that is not known. Tunnels do
// with what is too long for them as their options say.
func (seg *segment) mtu() int {
	least := 0
	for i := range seg.members {
		if p := seg.members[i].port; p.Tunnel == nil && p.MTU > 0 && (least == 0 || p.MTU < least) {
			least = p.MTU
		}
	}
	return least
}

// fits reports whether the packet goes on to one of these segments: it is not longer than they take, as far as it can be
// at all. If that has to be found out the packet comes back; if it is too long its sender is told.
//
// A worker finds out, by the way. It costs packets that come in by a port of a greater MTU a second look-up, and others
// nothing: a packet is not longer than its port takes. Packets out of a tunnel may have come in fragments, of any length. TCP is left out, since what is too long of it was left to
// hardware to cut, and is cut when it leaves.
func (l *look) fits(v6 bool, ways []way) bool {
	limit := 0
	for i := range ways {
		if n := ways[i].seg.mtu(); n > 0 && (limit == 0 || n < limit) {
			limit = n
		}
	}
	if limit == 0 || l.in.Tunnel == nil && l.in.MTU <= limit || l.segmented() {
		return true
	}
	switch l.q.Key.Uint(flow.FieldRecircID) {
	case hashedID: // came back before
		return true
	case sizedID:
		l.v.Mask.SetBits(flow.FieldDPHash, 1)
		if l.q.Key.Uint(flow.FieldDPHash)&1 != 0 {
			l.tooBig(v6, limit)
			return false
		}
		return true
	}
	l.v.Trail = l.v.Trail[:0] // what took part is credited once, when the packet comes back
	l.v.Actions.Larger(uint32(l.l3() + limit))
	l.v.Actions.Recirc(sizedID)
	l.trace("route: the way takes %d bytes", limit)
	return false
}

// segmented reports whether the packet is cut on its way out if it is too long.
func (l *look) segmented() bool {
	l.see(flow.FieldIPProto)
	if l.q.Key.Uint(flow.FieldIPProto) != wire.ProtoTCP {
		return false
	}
	l.v.Mask.SetBits(flow.FieldIPFrag, flow.FragAny)
	return l.q.Key.Uint(flow.FieldIPFrag)&flow.FragAny == 0
}

// tooBig drops a packet that is longer than its way takes. Its sender is told how long packets may be (RFC 1191 section 4;
// RFC 4443 section 3.2), unless it left it to routers to cut them: this one does not.
func (l *look) tooBig(v6 bool, mtu int) {
	if !v6 && !l.whole() {
		l.v.NoCache = true
		l.drop(action.TooBig)
		return
	}
	l.unreachable(action.TooBig, v6, icmp.TooBig(mtu))
}

// whole reports whether the sender of an IPv4 packet wants it whole. No key says so: what is decided by it is not cached.
func (l *look) whole() bool {
	at := l.l3() + wire.IPv4Fragment
	return len(l.q.Packet) >= at+2 && binary.BigEndian.Uint16(l.q.Packet[at:])&wire.IPv4DontFragment != 0
}

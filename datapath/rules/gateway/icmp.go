package gateway

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// unreachable drops the packet and tells its sender why. That is done for each packet anew, within a rate, so
// that nothing is cached.
func (l *look) unreachable(r action.Reason, v6 bool, m icmp.Error) {
	l.v.NoCache = true
	if l.q.Live && l.mayTell(v6) {
		if l.t.errors.Take(l.q.Now) {
			l.tell(v6, m)
		} else {
			l.t.tally.hushed.Add(1)
		}
	}
	l.drop(r)
}

// mayTell reports whether an error message may answer the packet (RFC 1812 section 4.3.2.7, RFC 4443 section
// 2.4): not where it would go to many, and not for another error message.
func (l *look) mayTell(v6 bool) bool {
	if l.q.Key.Uint(flow.FieldIPFrag)&flow.FragLater != 0 || l.specialSource(v6) && !l.seg.direct(l.addr(fieldsOf(v6).src)) {
		return false
	}
	typ := l.q.Key.Uint(flow.FieldICMPType)
	switch l.q.Key.Uint(flow.FieldIPProto) {
	case wire.ProtoICMP:
		return v6 || icmp.Answerable(false, byte(typ))
	case wire.ProtoICMPv6:
		return !v6 || icmp.Answerable(true, byte(typ))
	}
	return true
}

// tell sends the error message back to where the packet came from.
func (l *look) tell(v6 bool, m icmp.Error) {
	f := fieldsOf(v6)
	to := l.addr(f.src)
	from := l.seg.from(to)
	at := l.l3()
	if !from.IsValid() || len(l.q.Packet) <= at {
		return
	}
	about := l.q.Packet[at:min(len(l.q.Packet), at+l.ipSize(at, v6))]
	b := m.Packet(l.mac(flow.FieldEthSrc), l.seg.MAC, from, to, about)
	if l.t.transmit([]member{{l.in, l.vlan}}, b) {
		l.t.tally.told.Add(1)
	}
}

// l3 returns where the IP header is: behind at most one tag.
func (l *look) l3() int {
	if l.tagged {
		return wire.EthernetSize + wire.VLANTagSize
	}
	return wire.EthernetSize
}

// ttlOffset returns where in the IP header the TTL is.
func (l *look) ttlOffset() int {
	if l.q.Key.Uint(flow.FieldEthType) == wire.TypeIPv6 {
		return wire.IPv6HopLimit
	}
	return wire.IPv4TTL
}

// ipSize returns how long the IP packet at an offset says it is.
func (l *look) ipSize(at int, v6 bool) int {
	h := l.q.Packet[at:]
	switch {
	case v6 && len(h) >= wire.IPv6Size:
		return wire.IPv6Size + int(binary.BigEndian.Uint16(h[wire.IPv6Length:]))
	case !v6 && len(h) >= wire.IPv4Size:
		return int(binary.BigEndian.Uint16(h[wire.IPv4Length:]))
	}
	return len(h)
}

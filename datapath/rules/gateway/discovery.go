package gateway

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Neighbour discovery's messages (RFC 4861 section 4).
const (
	ndFirst, ndLast = 133, 137 // router solicitation to redirect
)

// discoveryType returns the type of a neighbour discovery message, 0 if the packet is something else.
func (l *look) discoveryType() uint64 {
	l.see(flow.FieldIPProto)
	if l.q.Key.Uint(flow.FieldIPProto) != wire.ProtoICMPv6 {
		return 0
	}
	if l.q.Key.FragmentHeader(&l.v.Mask) {
		return 0 // RFC 6980 section 5
	}
	l.see(flow.FieldICMPv6Type)
	typ := l.q.Key.Uint(flow.FieldICMPv6Type)
	if typ < ndFirst || typ > ndLast {
		return 0
	}
	l.see(flow.FieldICMPv6Code)
	l.see(flow.FieldIPTTL)
	if l.q.Key.Uint(flow.FieldICMPv6Code) != 0 || l.q.Key.Uint(flow.FieldIPTTL) != wire.NDHopLimit {
		return 0
	}
	return typ
}

// discovery decides about a neighbour discovery message to the gateway, and reports whether the packet is one.
func (l *look) discovery() bool {
	switch l.discoveryType() {
	case 0:
		return false
	case wire.NDSolicit:
		target := l.exact(flow.FieldNDTarget)
		if !l.seg.own(target) {
			break
		}
		l.announced(flow.FieldIPv6Src, flow.FieldNDSLL, true)
		l.see(flow.FieldEthSrc)
		// The answer is another message than the question: none of the packet's turning.
		l.v.NoCache = true
		if l.q.Live {
			l.t.advertise(l.seg, member{l.in, l.vlan}, target, l.exact(flow.FieldIPv6Src), l.mac(flow.FieldEthSrc))
		}
	case wire.NDAdvert:
		l.announced(flow.FieldNDTarget, flow.FieldNDTLL, false)
	}
	l.drop(action.ToGateway)
	return true
}

// advertise answers a neighbour solicitation (RFC 4861 section 7.2.4). One without a source, from a host that
// tries an address out, is answered to all.
func (t *Table) advertise(seg *segment, to member, target, asker netip.Addr, mac [6]byte) {
	flags := uint32(wire.NDRouter | wire.NDSolicited | wire.NDOverride)
	if asker.IsUnspecified() {
		asker, mac = netip.IPv6LinkLocalAllNodes(), [6]byte{0x33, 0x33, 5: 1}
		flags = wire.NDRouter | wire.NDOverride
	}
	t.transmit([]member{to}, wire.NewND(mac, seg.MAC, target, asker, wire.NDAdvert, flags, target))
}

package gateway

import (
	"encoding/binary"
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Neighbour discovery's messages (RFC 4861 section 4).
const (
	ndFirst, ndLast = 133, 137 // router solicitation to redirect
	ndHopLimit      = 255      // what has come over a router is not neighbour discovery
	ndMessage       = 24       // bytes: ICMPv6 header, flags, target
	ndOption        = 8        // bytes of an option with an Ethernet address
	ndRouter        = 1 << 31
	ndSolicited     = 1 << 30
	ndOverride      = 1 << 29
)

// discoveryType returns the type of a neighbour discovery message, 0 if the packet is something else.
func (l *look) discoveryType() uint64 {
	l.see(flow.FieldIPProto)
	if l.q.Key.Uint(flow.FieldIPProto) != wire.ProtoICMPv6 {
		return 0
	}
	l.v.Mask.SetBits(flow.FieldIPFrag, flow.FragAny) // RFC 6980: it does not come in fragments
	if l.q.Key.Uint(flow.FieldIPFrag)&flow.FragAny != 0 {
		return 0
	}
	l.see(flow.FieldICMPv6Type)
	typ := l.q.Key.Uint(flow.FieldICMPv6Type)
	if typ < ndFirst || typ > ndLast {
		return 0
	}
	l.see(flow.FieldICMPv6Code)
	l.see(flow.FieldIPTTL)
	if l.q.Key.Uint(flow.FieldICMPv6Code) != 0 || l.q.Key.Uint(flow.FieldIPTTL) != ndHopLimit {
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
	flags := uint32(ndRouter | ndSolicited | ndOverride)
	if asker.IsUnspecified() {
		asker, mac = netip.IPv6LinkLocalAllNodes(), [6]byte{0x33, 0x33, 5: 1}
		flags = ndRouter | ndOverride
	}
	t.transmit([]member{to}, ndPacket(seg, mac, target, asker, wire.NDAdvert, flags, target, wire.NDOptTargetLink))
}

// ndPacket returns a solicitation or an advertisement with the interface's Ethernet address as option.
func ndPacket(seg *segment, mac [6]byte, src, dst netip.Addr, typ byte, flags uint32, target netip.Addr, option byte) []byte {
	b := ipPacket(mac, seg.MAC, src, dst, wire.ProtoICMPv6, ndMessage+ndOption)
	m := b[wire.EthernetSize+wire.IPv6Size:]
	b[wire.EthernetSize+wire.IPv6HopLimit] = ndHopLimit
	m[0] = typ
	binary.BigEndian.PutUint32(m[4:], flags)
	copy(m[8:], target.AsSlice())
	m[ndMessage], m[ndMessage+1] = option, 1
	copy(m[ndMessage+2:], seg.MAC[:])
	sumICMP(b)
	return b
}

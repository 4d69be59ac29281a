package oracle

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/encap/wire/wiretest"
)

// membership returns a message of IGMP or MLD, or a packet to a group.
func (g *generator) membership() []byte {
	six := g.one(2)
	h := wiretest.Host{MAC: [6]byte(mac(pick(g, macs[:3]...))), Addr: netip.MustParseAddr(ips4[0]), Tag: pick(g, uint16(0), 0, 5, 7)}
	groups := []string{"224.0.0.1", "239.1.1.1", "239.1.1.2"}
	types := []uint8{wire.IGMPQuery, wire.IGMPv1Report, wire.IGMPv2Report, wire.IGMPv3Report, wire.IGMPLeave}
	if six {
		h.Addr = netip.MustParseAddr(ips6[3])
		groups, types = []string{"ff02::1", "ff3e::1", "ff3e::2"}, []uint8{wire.MLDQuery, wire.MLDReport, wire.MLDv2Report, wire.MLDDone}
	}
	r := wiretest.Record{Kind: uint8(1 + g.IntN(6)), Group: netip.MustParseAddr(pick(g, groups...))}
	switch body := make([]byte, 20); {
	case g.one(2):
		return h.Membership(pick(g, types...), r)
	case six:
		return h.IPv6(r.Group, wire.ProtoUDP, body)
	default:
		return h.IPv4(r.Group, wire.ProtoUDP, nil, body)
	}
}

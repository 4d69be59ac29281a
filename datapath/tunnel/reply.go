package tunnel

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// answer returns the answer of the host with the Ethernet address mac to a packet that asks for its address target: an
// ARP request or a neighbour solicitation, as dispatch.target knows them. nil: the packet is cut short.
func answer(packet []byte, mac [6]byte, target netip.Addr) []byte {
	l3 := networkHeader(packet)
	asks := [6]byte(packet[wire.EthSrc:])
	var reply []byte
	switch h := packet[l3:]; {
	case target.Is4() && len(h) >= wire.ARPSize:
		reply = wire.NewARP(asks, wire.ARPReply, mac, target, [6]byte(h[wire.ARPSHA:]), netip.AddrFrom4([4]byte(h[wire.ARPSPA:])))
	case target.Is6() && len(h) >= wire.IPv6Size:
		src := netip.AddrFrom16([16]byte(h[wire.IPv6Src:]))
		reply = wire.NewND(asks, mac, target, src, wire.NDAdvert, wire.NDSolicited, target)
	default:
		return nil
	}
	return tagAs(reply, packet, l3)
}

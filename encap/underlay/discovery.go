package underlay

import (
	"encoding/binary"
	"net/netip"

	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/wire"
)

// ipv6 takes in an IPv6 packet: neighbour discovery, and what is to one of our addresses and nobody else takes.
func (s *Stack) ipv6(p *heard) {
	h := p.pkt[p.at:]
	if len(h) < wire.IPv6Size || h[0]>>4 != 6 {
		s.tally.malformed.Add(1)
		return
	}
	size := wire.IPv6Size + int(binary.BigEndian.Uint16(h[wire.IPv6Length:]))
	if size > len(h) {
		s.tally.malformed.Add(1)
		return
	}
	src, dst := netip.AddrFrom16([16]byte(h[wire.IPv6Src:])), netip.AddrFrom16([16]byte(h[wire.IPv6Dst:]))
	body, proto := h[wire.IPv6Size:size], h[wire.IPv6Next]
	if proto == wire.ProtoICMPv6 && len(body) >= wire.ICMPSize && (body[wire.ICMPType] == wire.NDSolicit || body[wire.ICMPType] == wire.NDAdvert) {
		s.discovery(p, src, dst, h, body)
		return
	}
	if proto == wire.ProtoHopOpts && dst.IsMulticast() {
		s.query(p) // or nothing of ours
		return
	}
	if proto == wire.ProtoFragment || proto == wire.ProtoHopOpts || proto == wire.ProtoDstOpts || proto == wire.ProtoRouting {
		s.tally.ignored.Add(1) // what is behind, nobody has asked for
		return
	}
	s.unclaimed(p, src, dst, proto, false, h[:size], body)
}

// A discovered is a neighbour discovery message (RFC 4861 sections 4.3 and 4.4).
type discovered struct {
	src, dst, target netip.Addr
	flags            uint32
	mac              [6]byte // of the link-layer address option; zero: there is none
}

// discovery takes in a neighbour discovery message, if it is one as RFC 4861 sections 7.1.1 and 7.1.2 want it.
func (s *Stack) discovery(p *heard, src, dst netip.Addr, h, body []byte) {
	d := discovered{src: src, dst: dst}
	if h[wire.IPv6HopLimit] != wire.NDHopLimit || body[wire.ICMPCode] != 0 || len(body) < wire.NDMessage ||
		wire.Fold(wire.Sum(body, wire.PseudoIPv6(h, wire.ProtoICMPv6, len(body)))) != 0xffff {
		s.tally.malformed.Add(1)
		return
	}
	d.flags, d.target = binary.BigEndian.Uint32(body[4:]), netip.AddrFrom16([16]byte(body[8:]))
	typ, option := body[wire.ICMPType], byte(wire.NDOptSourceLink)
	if typ == wire.NDAdvert {
		option = wire.NDOptTargetLink
	}
	var ok bool
	if d.mac, ok = linkOption(body[wire.NDMessage:], option); !ok || d.target.IsMulticast() || d.mac[0]&1 != 0 {
		s.tally.malformed.Add(1)
		return
	}
	if typ == wire.NDAdvert {
		s.advertised(p, &d)
		return
	}
	s.solicited(p, &d)
}

// linkOption returns the Ethernet address in an option of the list, zero if there is no such option. ok is false if the
// list is not in order.
func linkOption(list []byte, option byte) (mac [6]byte, ok bool) {
	for len(list) > 0 {
		if len(list) < 8 || list[1] == 0 || int(list[1])*8 > len(list) {
			return mac, false
		}
		if list[0] == option && list[1] == 1 {
			mac = [6]byte(list[2:])
		}
		list = list[int(list[1])*8:]
	}
	return mac, true
}

// solicited answers a neighbour solicitation for one of our addresses (RFC 4861 section 7.2.4). One without a source, from
// a host that tries an address out, is answered to all.
func (s *Stack) solicited(p *heard, d *discovered) {
	trying := d.src.IsUnspecified()
	switch group, _ := wire.SolicitedNode(d.target); {
	case !p.owns(d.target):
		return
	case trying && (d.mac != [6]byte{} || d.dst != group), !trying && !icmp.Unicast(d.src):
		s.tally.malformed.Add(1)
		return
	case p.owns(d.src):
		s.duplicate(p, d.src, d.mac)
		return
	}
	s.tally.answered.Add(1)
	to, mac, flags := d.src, d.mac, uint32(wire.NDSolicited|wire.NDOverride)
	if mac == [6]byte{} {
		mac = p.src
	}
	if trying {
		to, flags = netip.IPv6LinkLocalAllNodes(), wire.NDOverride
		mac = wire.GroupMAC(to)
	}
	s.send(p.iface, wire.NewND(mac, p.MAC, d.target, to, wire.NDAdvert, flags, d.target))
	if d.mac != [6]byte{} {
		s.learn(p, d.src, d.mac)
	}
}

// advertised takes in a neighbour advertisement (RFC 4861 section 7.2.5). One that does not override says nothing new of
// a host that is known, and one without an Ethernet address, which only an answer may lack, that it is still there.
func (s *Stack) advertised(p *heard, d *discovered) {
	if p.owns(d.target) {
		s.duplicate(p, d.target, d.mac)
		return
	}
	mac, known := s.known(p, d.target)
	solicited, override := d.flags&wire.NDSolicited != 0, d.flags&wire.NDOverride != 0
	switch {
	case solicited && d.dst.IsMulticast():
		s.tally.malformed.Add(1)
	case d.mac == [6]byte{} && known && solicited:
		s.neighbours.Confirm(p.host(d.target), mac, p.now)
	case d.mac == [6]byte{}, known && mac != d.mac && !override:
		s.tally.ignored.Add(1)
	default:
		s.learn(p, d.target, d.mac)
	}
}

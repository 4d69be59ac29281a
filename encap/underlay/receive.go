package underlay

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/wire"
)

// defendEvery is the least time between two defences of an interface's addresses (RFC 5227 section 2.4).
const defendEvery = 10 * time.Second

// Receive takes in a packet that came in by a datapath port: ARP and neighbour discovery to whomever, and packets to
// our addresses that nobody else takes. pkt is the whole frame, with the tag it came with, valid during the call.
func (s *Stack) Receive(port uint32, pkt []byte) {
	s.mu.Lock()
	if f := s.byPort[port]; f != nil && !f.Kernel {
		s.receive(f, pkt)
	}
	s.mu.Unlock()
	s.tell()
}

// A heard is a packet that is being received.
type heard struct {
	*iface
	pkt      []byte // the frame
	at       int    // where its network header is
	dst, src [6]byte
	now      int64
}

// receive takes in a packet. The lock is held.
func (s *Stack) receive(f *iface, pkt []byte) {
	at, typ, ok := network(pkt, f.VLAN)
	if !ok {
		s.tally.malformed.Add(1)
		return
	}
	p := heard{f, pkt, at, [6]byte(pkt[wire.EthDst:]), [6]byte(pkt[wire.EthSrc:]), s.o.Clock()}
	switch {
	case p.src == f.MAC || p.src[0]&1 != 0:
		s.tally.malformed.Add(1)
	case typ == wire.TypeARP:
		s.arp(&p)
	case typ == wire.TypeIPv4:
		s.ipv4(&p)
	case typ == wire.TypeIPv6:
		s.ipv6(&p)
	default:
		s.tally.malformed.Add(1)
	}
}

// network returns where the network header of a frame is, and its EtherType. ok is false if there is none or the frame
// has another tag than vlan.
func network(pkt []byte, vlan uint16) (at int, typ uint16, ok bool) {
	if len(pkt) < wire.EthernetSize {
		return 0, 0, false
	}
	at, typ = wire.EthernetSize, binary.BigEndian.Uint16(pkt[wire.EthType:])
	tag := uint16(0)
	if typ == wire.TypeVLAN && len(pkt) >= wire.EthernetSize+wire.VLANTagSize {
		tag = binary.BigEndian.Uint16(pkt[at:]) & 0xfff // VLAN 0 is none
		typ = binary.BigEndian.Uint16(pkt[at+2:])
		at += wire.VLANTagSize
	}
	return at, typ, tag == vlan
}

// arp takes in an ARP packet.
func (s *Stack) arp(p *heard) {
	a := p.pkt[p.at:]
	if len(a) < wire.ARPSize || binary.BigEndian.Uint32(a) != 1<<16|wire.TypeIPv4 || a[wire.ARPHardLen] != 6 || a[wire.ARPProtoLen] != 4 {
		s.tally.malformed.Add(1)
		return
	}
	op, sha := binary.BigEndian.Uint16(a[wire.ARPOperation:]), [6]byte(a[wire.ARPSHA:])
	spa, tpa := netip.AddrFrom4([4]byte(a[wire.ARPSPA:])), netip.AddrFrom4([4]byte(a[wire.ARPTPA:]))
	switch {
	case op != wire.ARPRequest && op != wire.ARPReply, sha[0]&1 != 0, sha == [6]byte{}, sha == p.MAC:
		s.tally.malformed.Add(1)
	case p.owns(spa):
		s.duplicate(p, spa, sha)
	default:
		if op == wire.ARPRequest && p.owns(tpa) {
			s.tally.answered.Add(1)
			s.send(p.iface, wire.NewARP(sha, wire.ARPReply, p.MAC, tpa, sha, spa))
		}
		s.learn(p, spa, sha)
	}
}

// learn notes that a host on the link has an Ethernet address, if anybody wants to know.
func (s *Stack) learn(p *heard, addr netip.Addr, mac [6]byte) {
	if !p.direct(addr) {
		return
	}
	lesson := s.neighbours.Learn(p.host(addr), mac, p.now, false)
	if lesson.Changed {
		s.log.changed(s.hostTag(p.host(addr)))
	}
	if lesson.Refused {
		s.tally.flapping.Add(1)
	}
}

// duplicate notes that another host has one of our addresses, and defends it, but not more often than every ten
// seconds: two hosts that both do would never stop (RFC 5227 section 2.4).
func (s *Stack) duplicate(p *heard, addr netip.Addr, mac [6]byte) {
	s.tally.duplicate.Add(1)
	if p.defended != 0 && p.now-p.defended < int64(defendEvery) {
		return
	}
	p.defended = p.now
	s.announceOne(p.iface, addr)
	if s.o.Duplicate != nil {
		s.o.Duplicate(p.Interface.Port, addr, mac)
	}
}

// ipv4 takes in an IPv4 packet to one of our addresses that nobody else takes.
func (s *Stack) ipv4(p *heard) {
	h := p.pkt[p.at:]
	if len(h) < wire.IPv4Size || h[0]>>4 != 4 {
		s.tally.malformed.Add(1)
		return
	}
	header, size := int(h[0]&15)*4, int(binary.BigEndian.Uint16(h[wire.IPv4Length:]))
	if header < wire.IPv4Size || size < header || size > len(h) || wire.Fold(wire.Sum(h[:header], 0)) != 0xffff {
		s.tally.malformed.Add(1)
		return
	}
	if h[wire.IPv4Protocol] == wire.ProtoIGMP {
		s.query(p)
		return
	}
	later := binary.BigEndian.Uint16(h[wire.IPv4Fragment:])&wire.IPv4FragOffset != 0
	src, dst := netip.AddrFrom4([4]byte(h[wire.IPv4Src:])), netip.AddrFrom4([4]byte(h[wire.IPv4Dst:]))
	s.unclaimed(p, src, dst, h[wire.IPv4Protocol], later, h[:size], h[header:size])
}

// unclaimed tells the sender of a packet that nobody here takes it. body is what the IP packet whole carries.
func (s *Stack) unclaimed(p *heard, src, dst netip.Addr, proto byte, later bool, whole, body []byte) {
	e := icmp.NoProtocol
	switch {
	case p.dst != p.MAC || !p.owns(dst) || !icmp.Unicast(src) || p.owns(src):
		s.tally.strange.Add(1)
		return
	case proto == wire.ProtoICMP || proto == wire.ProtoICMPv6 || later:
		s.tally.ignored.Add(1) // an error message would answer nobody's question
		return
	case proto == wire.ProtoUDP:
		e = icmp.NoPort
	}
	if !s.errors.Take(p.now) {
		s.tally.hushed.Add(1)
		return
	}
	s.tally.told.Add(1)
	s.send(p.iface, e.Packet(p.src, p.MAC, dst, src, whole))
}

// known returns what is known of a neighbour's Ethernet address.
func (s *Stack) known(p *heard, addr netip.Addr) (mac [6]byte, known bool) {
	mac, state := s.neighbours.Find(p.host(addr))
	return mac, state.Known() && state != neighbour.Silent
}

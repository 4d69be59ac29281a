package gateway

import (
	"encoding/binary"
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/wire"
)

// Sizes and values of what the gateway sends itself.
const (
	minFrame   = 60 // bytes without the check sum (IEEE 802.3, 3.2.7)
	defaultTTL = 64
)

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
			emit(&program, m, tagged, vlan)
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
func (t *Table) ask(h host) {
	if int(h.seg) >= len(t.state.segments) {
		return
	}
	seg := &t.state.segments[h.seg]
	src := seg.from(h.addr)
	if !src.IsValid() {
		return
	}
	t.tally.asked.Add(1)
	if h.addr.Is4() {
		t.transmit(seg.members, arpPacket(seg, src, h.addr))
		return
	}
	// The solicited-node address (RFC 4291 section 2.7.1) and its Ethernet address (RFC 2464 section 7).
	a := h.addr.As16()
	group := netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 11: 1, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]})
	mac := [6]byte{0x33, 0x33, 0xff, a[13], a[14], a[15]}
	t.transmit(seg.members, ndPacket(seg, mac, src, group, wire.NDSolicit, 0, h.addr, wire.NDOptSourceLink))
}

func arpPacket(seg *segment, src, target netip.Addr) []byte {
	b := make([]byte, minFrame)
	ethernet(b, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, seg.MAC, wire.TypeARP)
	arp := b[wire.EthernetSize:]
	binary.BigEndian.PutUint64(arp, 1<<48|wire.TypeIPv4<<32|6<<24|4<<16|arpRequest)
	copy(arp[wire.ARPSHA:], seg.MAC[:])
	copy(arp[wire.ARPSPA:], src.AsSlice())
	copy(arp[wire.ARPTPA:], target.AsSlice())
	return b
}

func ethernet(b []byte, dst, src [6]byte, typ uint16) {
	copy(b[wire.EthDst:], dst[:])
	copy(b[wire.EthSrc:], src[:])
	binary.BigEndian.PutUint16(b[wire.EthType:], typ)
}

// ipPacket returns a packet with room for size bytes behind its IP header; addresses are of one family. The
// header is complete.
func ipPacket(dstMAC, srcMAC [6]byte, src, dst netip.Addr, proto byte, size int) []byte {
	if src.Is4() {
		b := make([]byte, wire.EthernetSize+wire.IPv4Size+size)
		ethernet(b, dstMAC, srcMAC, wire.TypeIPv4)
		h := b[wire.EthernetSize:]
		h[0], h[wire.IPv4TTL], h[wire.IPv4Protocol] = 0x45, defaultTTL, proto
		binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(wire.IPv4Size+size))
		copy(h[wire.IPv4Src:], src.AsSlice())
		copy(h[wire.IPv4Dst:], dst.AsSlice())
		binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h[:wire.IPv4Size]))
		return b
	}
	b := make([]byte, wire.EthernetSize+wire.IPv6Size+size)
	ethernet(b, dstMAC, srcMAC, wire.TypeIPv6)
	h := b[wire.EthernetSize:]
	h[0], h[wire.IPv6Next], h[wire.IPv6HopLimit] = 0x60, proto, defaultTTL
	binary.BigEndian.PutUint16(h[wire.IPv6Length:], uint16(size))
	copy(h[wire.IPv6Src:], src.AsSlice())
	copy(h[wire.IPv6Dst:], dst.AsSlice())
	return b
}

// sumICMP sets the checksum of the ICMP or ICMPv6 message behind the IP header of b.
func sumICMP(b []byte) {
	at, pseudo := wire.EthernetSize+wire.IPv4Size, uint32(0)
	if binary.BigEndian.Uint16(b[wire.EthType:]) == wire.TypeIPv6 {
		at = wire.EthernetSize + wire.IPv6Size
		pseudo = wire.PseudoIPv6(b[wire.EthernetSize:], wire.ProtoICMPv6, len(b)-at)
	}
	sum := b[at+wire.ICMPChecksum : at+wire.ICMPChecksum+2]
	binary.BigEndian.PutUint16(sum, 0)
	binary.BigEndian.PutUint16(sum, ^wire.Fold(wire.Sum(b[at:], pseudo)))
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

package gateway

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// solicited decides about a packet to a group that the gateway may have to answer, and reports whether it was
// for the gateway alone: a question for one of its addresses.
func (l *look) solicited() bool {
	l.see(flow.FieldEthType)
	switch l.q.Key.Uint(flow.FieldEthType) {
	case wire.TypeARP:
		if l.seg.own(l.exact(flow.FieldARPTPA)) {
			l.arp()
			return true
		}
		l.announced(flow.FieldARPSPA, flow.FieldARPSHA, false)
	case wire.TypeIPv6:
		switch l.discoveryType() {
		case wire.NDSolicit:
			return l.seg.own(l.exact(flow.FieldNDTarget)) && l.discovery()
		case wire.NDAdvert:
			l.announced(flow.FieldNDTarget, flow.FieldNDTLL, false)
		}
	}
	return false
}

// arp decides about an ARP packet to the gateway: a question for one of its addresses is answered by the
// packet itself, turned around.
func (l *look) arp() {
	l.see(flow.FieldARPOp)
	switch l.q.Key.Uint(flow.FieldARPOp) {
	case wire.ARPRequest:
		if target := l.exact(flow.FieldARPTPA); l.seg.own(target) {
			l.announced(flow.FieldARPSPA, flow.FieldARPSHA, true)
			l.arpAnswer(target)
			return
		}
	case wire.ARPReply:
		l.announced(flow.FieldARPSPA, flow.FieldARPSHA, false)
	}
	l.drop(action.ToGateway)
}

func (l *look) arpAnswer(target netip.Addr) {
	l.see(flow.FieldEthSrc)
	ones := [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	asker, own := l.addr(flow.FieldARPSPA).As4(), target.As4()
	sha := l.mac(flow.FieldARPSHA)
	l.setMAC(flow.FieldEthDst, l.mac(flow.FieldEthSrc))
	l.setMAC(flow.FieldEthSrc, l.seg.MAC)
	program := &l.v.Actions
	program.Set(flow.FieldARPOp, []byte{wire.ARPReply}, ones[:1])
	l.setMAC(flow.FieldARPTHA, sha)
	program.Set(flow.FieldARPTPA, asker[:], ones[:4])
	l.setMAC(flow.FieldARPSHA, l.seg.MAC)
	program.Set(flow.FieldARPSPA, own[:], ones[:4])
	l.back()
}

// back sends the packet to where it came from.
func (l *look) back() {
	l.ours = true
	if l.barred(l.in) || !l.output(&member{l.in, l.vlan}, l.tagged && l.vlan != 0, l.vlan) {
		l.undo(action.PortNoForward)
	}
}

// announced takes in what a packet says about who has an address. A host that nobody knows enters the table of
// neighbours only if create is set.
func (l *look) announced(address, mac flow.FieldID, create bool) {
	addr := l.exact(address)
	l.see(mac)
	m := l.mac(mac)
	if m[0]&1 != 0 || m == [6]byte{} || m == l.seg.MAC || !l.seg.direct(addr) {
		return
	}
	hi, lo := rules.AddrWords(addr)
	l.v.Trail = append(l.v.Trail, trailWord(trailConfirm, uint64(fdb.MakeKey(l.seg.index, m))), hi, lo)
	if l.q.Live {
		l.t.announce(l.seg, addr, m, l.q.Now, create)
	}
}

// announce notes the Ethernet address of a host, and sends the packet that waited for it. The caller holds a
// lock.
func (t *Table) announce(seg *segment, addr netip.Addr, mac [6]byte, now int64, create bool) {
	lesson := t.neighbours.Learn(seg.host(addr), mac, now, create)
	if lesson.Changed {
		t.log.changed(t.hostTag(seg.host(addr)))
	}
	if lesson.Held != nil {
		copy(lesson.Held[wire.EthDst:], mac[:])
		if t.transmit(t.stationsOf(seg, mac), lesson.Held) {
			t.tally.waited.Add(1)
		}
	}
}

// own decides about an IP packet to one of the gateway's addresses: it answers ping, by the packet itself,
// turned around with its identification, which is as good on the way back (RFC 6864 section 4.1: who asks numbers those to us
// apart, and what we send ourselves has DF), and says that it has no UDP port, for traceroute.
func (l *look) own(v6 bool) {
	if l.specialOwn(v6) {
		l.drop(action.NotRouted)
		return
	}
	l.see(flow.FieldIPProto)
	proto := l.q.Key.Uint(flow.FieldIPProto)
	l.v.Mask.SetBits(flow.FieldIPFrag, flow.FragAny)
	whole := l.q.Key.Uint(flow.FieldIPFrag)&flow.FragAny == 0
	switch {
	case whole && proto == wire.ProtoUDP:
		l.unreachable(action.ToGateway, v6, icmp.NoPort)
	case whole && !v6 && proto == wire.ProtoICMP && l.echo(flow.FieldICMPType, flow.FieldICMPCode, 8):
		l.echoAnswer(v6, flow.FieldICMPType, 0)
	case whole && v6 && proto == wire.ProtoICMPv6 && l.echo(flow.FieldICMPv6Type, flow.FieldICMPv6Code, 128):
		l.echoAnswer(v6, flow.FieldICMPv6Type, 129)
	default:
		l.drop(action.ToGateway)
	}
}

// specialOwn is specialSource for packets to the gateway itself, which hosts also send from link-local
// addresses.
func (l *look) specialOwn(v6 bool) bool {
	if v6 && l.seg.direct(l.exact(flow.FieldIPv6Src)) {
		return false
	}
	return l.specialSource(v6)
}

func (l *look) echo(typ, code flow.FieldID, request uint64) bool {
	l.see(typ)
	l.see(code)
	return l.q.Key.Uint(typ) == request && l.q.Key.Uint(code) == 0
}

// echoAnswer turns an echo request into its reply (RFC 792, RFC 4443 section 4.2).
func (l *look) echoAnswer(v6 bool, typ flow.FieldID, reply byte) {
	f := fieldsOf(v6)
	src, dst := l.exact(f.src).AsSlice(), l.exact(f.dst).AsSlice()
	l.see(flow.FieldEthSrc)
	l.setMAC(flow.FieldEthDst, l.mac(flow.FieldEthSrc))
	l.setMAC(flow.FieldEthSrc, l.seg.MAC)
	ones := [16]byte{}
	for i := range ones {
		ones[i] = 0xff
	}
	program := &l.v.Actions
	program.Set(f.src, dst, ones[:len(dst)])
	program.Set(f.dst, src, ones[:len(src)])
	program.Set(flow.FieldIPTTL, []byte{wire.DefaultTTL}, ones[:1])
	program.Set(typ, []byte{0, reply}, ones[:2])
	l.back()
}

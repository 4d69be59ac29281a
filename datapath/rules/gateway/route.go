package gateway

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// mine decides about a packet to the gateway's Ethernet address.
func (l *look) mine() {
	if l.tagged {
		// Behind another tag it is not a packet of this segment.
		l.v.Mask.SetBits(flow.FieldVLANTCI1, flow.VLANPresent)
		if l.q.Key.Uint(flow.FieldVLANTCI1)&flow.VLANPresent != 0 {
			l.drop(action.NotRouted)
			return
		}
	}
	l.see(flow.FieldEthType)
	switch l.q.Key.Uint(flow.FieldEthType) {
	case wire.TypeARP:
		l.arp()
	case wire.TypeIPv4:
		l.ip(false)
	case wire.TypeIPv6:
		l.ip(true)
	default:
		l.drop(action.NotRouted)
	}
}

// ip decides about an IP packet: past the rules, by the route to its destination. One that is malformed has
// the destination zero, to which nothing is routed.
func (l *look) ip(v6 bool) {
	if v6 && l.discovery() {
		return
	}
	f := fieldsOf(v6)
	if !l.permitted(v6) {
		l.drop(action.ACLDenied)
		return
	}
	fib := &l.fib4
	if v6 {
		fib = &l.fib6
	}
	value, bits := fib.lookup(l.q.Key.Bytes(f.dst))
	within(l.q.Key, &l.v.Mask, f.dst, l.prefix(f.dst, bits))
	r := &l.routes[value]
	if v6 && r.kind == routeSpecial && l.seg.linkLocal == l.exact(f.dst) {
		r = &route{kind: routeOwn, seg: l.seg}
	}
	switch {
	case r.kind == routeOwn:
		l.own(v6)
	case r.kind == routeSpecial || l.specialSource(v6):
		l.drop(action.NotRouted)
	case r.kind == routeNone:
		l.unreachable(action.NoRoute, v6, icmp.NoRoute)
	case r.kind == routeDrop:
		l.drop(action.NoRoute)
	case r.kind == routeVia:
		l.byWay(r.ways, v6)
	default:
		l.byWay([]way{{r.seg, l.exact(f.dst)}}, v6)
	}
}

// prefix returns the first bits of an address field.
func (l *look) prefix(f flow.FieldID, bits int) netip.Prefix {
	return netip.PrefixFrom(l.addr(f), bits)
}

// exact consults an address as a whole.
func (l *look) exact(f flow.FieldID) netip.Addr {
	l.see(f)
	return l.addr(f)
}

// permitted reports whether the rules let the packet through.
func (l *look) permitted(v6 bool) bool {
	i := firstRule(l.config.ACL, l.seg.Name, l.q.Key, v6, &l.v.Mask)
	if i < 0 {
		return !l.config.Deny
	}
	l.v.Trail = append(l.v.Trail, trailWord(trailRule, uint64(i)), l.t.generation)
	l.trace("rule %d", i)
	return l.config.ACL[i].Permit
}

// noSource are the addresses that a packet which is routed cannot come from (RFC 1812 section 5.3.7, RFC 4291
// sections 2.5 and 2.7).
var noSource = [2][]netip.Prefix{
	{prefix("0.0.0.0/8"), prefix("127.0.0.0/8"), prefix("224.0.0.0/3")},
	{prefix("::/127"), prefix("::ffff:0:0/96"), prefix("fe80::/10"), prefix("ff00::/8")},
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func (l *look) specialSource(v6 bool) bool {
	list := noSource[0]
	if v6 {
		list = noSource[1]
	}
	for _, p := range list {
		if within(l.q.Key, &l.v.Mask, fieldsOf(v6).src, p) {
			return true
		}
	}
	return false
}

// forward routes the packet to a neighbour.
func (l *look) forward(h neighbour.Host, seg *segment, v6 bool) {
	l.see(flow.FieldIPTTL)
	ttl := l.q.Key.Uint(flow.FieldIPTTL)
	if ttl <= 1 {
		l.unreachable(action.TTLExpired, v6, icmp.Expired)
		return
	}
	l.v.Tags |= l.t.hostTag(h)
	l.use(h)
	mac, state := l.t.neighbours.Find(h)
	if l.q.Trace != nil {
		l.trace("route: %v on %s", h.Addr, seg.Name)
	}
	switch state {
	case neighbour.Failed:
		l.unreachable(action.HostUnreachable, v6, icmp.NoHost)
	case neighbour.Unknown, neighbour.Asked:
		if l.q.Live && l.t.neighbours.Want(h, l.hold(seg), l.q.Now) {
			l.t.ask(h)
		}
		l.drop(action.Unresolved)
	default:
		l.routed(seg, mac, byte(ttl-1))
	}
}

// use notes that packets go to a neighbour, or could.
func (l *look) use(h neighbour.Host) {
	hi, lo := rules.AddrWords(h.Addr)
	l.v.Trail = append(l.v.Trail, trailWord(trailUse, uint64(h.Link)<<48), hi, lo)
}

// routed sends the packet to the Ethernet address that is next on its way.
func (l *look) routed(seg *segment, mac [6]byte, ttl byte) {
	l.ours = true
	l.setMAC(flow.FieldEthDst, mac)
	l.setMAC(flow.FieldEthSrc, seg.MAC)
	l.v.Actions.Set(flow.FieldIPTTL, []byte{ttl}, []byte{0xff})
	m := l.find(seg, mac)
	sent := false
	switch {
	case m == nil:
		sent = l.outputAll(seg, nil, l.tagged, l.vlan)
	case !l.barred(m.port):
		sent = l.output(m, l.tagged, l.vlan)
	}
	if !sent {
		l.undo(action.PortNoForward)
	}
}

func (l *look) setMAC(f flow.FieldID, mac [6]byte) {
	l.v.Actions.Set(f, mac[:], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
}

package underlay

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

const tciVID = 0x0fff

// An addr is an IP address as keys have it, an IPv4 one in the first four bytes.
type addr struct {
	v6 bool
	b  [16]byte
}

func newAddr(a netip.Addr) (out addr) {
	out.v6 = a.Is6()
	copy(out.b[:], a.AsSlice())
	return out
}

func inPort(q *rules.Query) uint32 { return uint32(q.Key.Uint(flow.FieldInPort)) }

// A fate is whose a packet is.
type fate uint8

const (
	other fate = iota // the table's inside
	both              // the stack gets a copy
	taken             // the stack's alone
	ping              // to be turned around
	hosts             // the kernel's, which has it already
)

// Lookup implements rules.Table.
func (t *Table) Lookup(q *rules.Query, v *rules.Verdict) error {
	f := other
	u := (*t.views.Load())[inPort(q)]
	if u != nil && q.Key.Uint(flow.FieldRecircID) == 0 {
		l := look{view: u, q: q, v: v}
		f = l.fate()
		trace(q, f)
	}
	switch f {
	case hosts:
		v.Actions.Drop(action.ToHost)
		return nil
	case taken:
		v.Actions.Send(toStack)
		return nil
	case ping:
		(&look{view: u, q: q, v: v}).turn()
		return nil
	}
	// The table inside begins with a verdict that is empty, as it has a right to.
	seen := v.Mask
	v.Mask = flow.Mask{}
	err := t.inner.Lookup(q, v)
	v.Mask.Union(&seen)
	if err != nil || f == other {
		return err
	}
	// The copy goes first: it is of the packet as it came.
	n := len(v.Actions.Words())
	v.Actions.Send(toStack)
	words := v.Actions.Words()
	send := words[n]
	copy(words[1:], words[:n])
	words[0] = send
	return nil
}

func trace(q *rules.Query, f fate) {
	if q.Trace == nil || f == other {
		return
	}
	q.Trace.Step(0, fmt.Sprintf("underlay: %s", [...]string{
		both: "a copy to the stack", taken: "to the stack", ping: "an address of the port answers ping", hosts: "the host's",
	}[f]))
}

// A look is one look-up on a port with an underlay.
type look struct {
	*view
	q *rules.Query
	v *rules.Verdict
}

func (l *look) see(f flow.FieldID) { l.v.Mask.SetExact(f) }

// fate says whose the packet is.
func (l *look) fate() fate {
	if l.shared {
		return hosts
	}
	if !l.inVLAN() {
		return other
	}
	l.see(flow.FieldEthDst)
	dst := [6]byte(l.q.Key.Bytes(flow.FieldEthDst))
	mine := dst == l.mac
	if !mine && dst[0]&1 == 0 {
		return other
	}
	l.see(flow.FieldEthType)
	switch typ := l.q.Key.Uint(flow.FieldEthType); {
	case typ == wire.TypeARP && mine:
		return taken
	case typ == wire.TypeARP:
		return takenIf(l.owns(flow.FieldARPTPA, false), both)
	case typ != wire.TypeIPv4 && typ != wire.TypeIPv6:
		return other
	case !mine:
		return l.group(typ == wire.TypeIPv6)
	case typ == wire.TypeIPv4 && l.owns(flow.FieldIPDst, false):
		return l.own(flow.FieldIPSrc, wire.ProtoICMP, flow.FieldICMPType, 8)
	case typ == wire.TypeIPv6 && l.owns(flow.FieldIPv6Dst, true):
		return l.own(flow.FieldIPv6Src, wire.ProtoICMPv6, flow.FieldICMPv6Type, 128)
	}
	return other
}

func takenIf(yes bool, otherwise fate) fate {
	if yes {
		return taken
	}
	return otherwise
}

// inVLAN reports whether the packet has the tag that the underlay's packets have.
func (l *look) inVLAN() bool {
	l.v.Mask.SetBits(flow.FieldVLANTCI, flow.VLANPresent)
	tci := uint16(l.q.Key.Uint(flow.FieldVLANTCI))
	if tci&flow.VLANPresent == 0 {
		return l.vlan == 0
	}
	l.v.Mask.SetBits(flow.FieldVLANTCI, tciVID)
	l.see(flow.FieldVLANTPID)
	l.v.Mask.SetBits(flow.FieldVLANTCI1, flow.VLANPresent)
	return tci&tciVID == l.vlan && l.q.Key.Uint(flow.FieldVLANTPID) == wire.TypeVLAN &&
		l.q.Key.Uint(flow.FieldVLANTCI1)&flow.VLANPresent == 0
}

// owns reports whether the address in a field is one of the port's.
func (l *look) owns(f flow.FieldID, v6 bool) bool {
	l.see(f)
	a := addr{v6: v6}
	copy(a.b[:], l.q.Key.Bytes(f))
	return slices.Contains(l.addrs, a)
}

// group is fate for an IP packet to many: neighbour discovery is of interest (RFC 4861 section 7), and what routers ask of
// those who listen to groups.
func (l *look) group(v6 bool) fate {
	if !v6 {
		l.see(flow.FieldIPProto)
		if l.q.Key.Uint(flow.FieldIPProto) == wire.ProtoIGMP {
			return both
		}
		return other
	}
	switch l.discovery() {
	case wire.NDSolicit:
		return takenIf(l.owns(flow.FieldNDTarget, true), other)
	case wire.NDAdvert, wire.MLDQuery:
		return both
	}
	return other
}

// discovery returns the type of a neighbour discovery message, 0 if the packet is something else.
func (l *look) discovery() uint64 {
	l.see(flow.FieldIPProto)
	if l.q.Key.Uint(flow.FieldIPProto) != wire.ProtoICMPv6 {
		return 0
	}
	if l.q.Key.FragmentHeader(&l.v.Mask) {
		return 0 // RFC 6980 section 5
	}
	l.see(flow.FieldICMPv6Type)
	return l.q.Key.Uint(flow.FieldICMPv6Type)
}

// own is fate for a packet to one of the port's addresses. Later fragments of ICMP, and of IPv6 those of anything, are
// turned around with the first, which alone says what it is: but for those of an echo request their sender does not wait.
func (l *look) own(src flow.FieldID, icmp uint64, typ flow.FieldID, request uint64) fate {
	l.see(flow.FieldIPProto)
	l.v.Mask.SetBits(flow.FieldIPFrag, flow.FragLater)
	proto, later := l.q.Key.Uint(flow.FieldIPProto), l.q.Key.Uint(flow.FieldIPFrag)&flow.FragLater != 0
	if proto != icmp && !(later && proto == wire.ProtoFragment) {
		return taken
	}
	if !later {
		code := flow.FieldICMPCode
		if typ == flow.FieldICMPv6Type {
			code = flow.FieldICMPv6Code
		}
		l.see(typ)
		l.see(code)
		if l.q.Key.Uint(typ) != request || l.q.Key.Uint(code) != 0 {
			return taken
		}
	}
	l.see(flow.FieldEthSrc)
	if l.q.Key.Bytes(flow.FieldEthSrc)[0]&1 != 0 || !l.sendable(src) {
		return taken
	}
	return ping
}

// sendable reports whether the address in a field can be that of another host: what claims to come from a group, from
// nobody or from ourselves is not answered (RFC 1122 section 3.2.1.3, RFC 4291 sections 2.5.2, 2.5.3 and 2.7).
func (l *look) sendable(f flow.FieldID) bool {
	v6 := f == flow.FieldIPv6Src
	if l.owns(f, v6) {
		return false
	}
	a, _ := netip.AddrFromSlice(l.q.Key.Bytes(f))
	return a.IsGlobalUnicast() && !(a.Is4() && a.As4()[0] >= 240) || a.Is6() && a.IsLinkLocalUnicast()
}

// turn turns an echo request, or a later fragment of one, around (RFC 792, RFC 4443 section 4.2). Its identification stays, and
// is as good on the way back (RFC 6864 section 4.1): who asks numbers those to us apart, fragments belong together by it, and
// ICMP that the underlay makes itself has DF.
func (l *look) turn() {
	src, dst, typ, reply := flow.FieldIPSrc, flow.FieldIPDst, flow.FieldICMPType, byte(0)
	if l.q.Key.Uint(flow.FieldEthType) == wire.TypeIPv6 {
		src, dst, typ, reply = flow.FieldIPv6Src, flow.FieldIPv6Dst, flow.FieldICMPv6Type, 129
	}
	key, p := l.q.Key, &l.v.Actions
	p.Set(flow.FieldEthDst, key.Bytes(flow.FieldEthSrc), ones[:6])
	p.Set(flow.FieldEthSrc, l.mac[:], ones[:6])
	p.Set(src, key.Bytes(dst), ones[:len(key.Bytes(dst))])
	p.Set(dst, key.Bytes(src), ones[:len(key.Bytes(src))])
	p.Set(flow.FieldIPTTL, []byte{wire.DefaultTTL}, ones[:1])
	if key.Uint(flow.FieldIPFrag)&flow.FragLater == 0 {
		p.Set(typ, []byte{0, reply}, ones[:2])
	}
	p.Output(inPort(l.q))
}

var ones = [16]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

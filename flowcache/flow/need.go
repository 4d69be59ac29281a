package flow

import "github.com/culvertdev/culvert/encap/wire"

// Need is a field's prerequisite: what a packet must be to have the field.
type Need uint8

// Prerequisites, in OVS's order.
const (
	NeedNone Need = iota
	NeedVLAN
	NeedMPLS
	NeedIPv4
	NeedIPv6
	NeedIP // IPv4 or IPv6
	NeedARP
	NeedTCP
	NeedUDP
	NeedSCTP
	NeedICMP
	NeedICMPv6
	NeedND // neighbour solicitation or advertisement
	NeedNDSolicit
	NeedNDAdvert
)

// String says what is needed in ovs-ofctl's words.
func (n Need) String() string {
	switch n {
	case NeedVLAN:
		return "a VLAN tag"
	case NeedMPLS:
		return "mpls or mplsm"
	case NeedIPv4:
		return "ip"
	case NeedIPv6:
		return "ipv6"
	case NeedIP:
		return "ip or ipv6"
	case NeedARP:
		return "arp or rarp"
	case NeedTCP:
		return "tcp (or tcp6)"
	case NeedUDP:
		return "udp (or udp6)"
	case NeedSCTP:
		return "sctp (or sctp6)"
	case NeedICMP:
		return "icmp"
	case NeedICMPv6:
		return "icmp6"
	case NeedND:
		return "icmp6,icmp_type=135|136,icmp_code=0"
	case NeedNDSolicit:
		return "icmp6,icmp_type=135,icmp_code=0"
	case NeedNDAdvert:
		return "icmp6,icmp_type=136,icmp_code=0"
	}
	return "nothing"
}

// Met reports whether the packet that k is the key of has the field. uses, unless nil, gets the bits
// of k that the answer rests on.
func (n Need) Met(k *Key, uses *Mask) bool {
	if n == NeedNone {
		return true
	}
	if n == NeedVLAN {
		if uses != nil {
			uses.SetBits(FieldVLANTCI, VLANPresent)
		}
		return k.Uint(FieldVLANTCI)&VLANPresent != 0
	}
	if uses != nil {
		uses.SetExact(FieldEthType)
	}
	if !n.metByType(uint16(k.Uint(FieldEthType))) {
		return false
	}
	proto, ok := n.protocol()
	if !ok {
		return true
	}
	if uses != nil {
		uses.SetExact(FieldIPProto)
	}
	if k.Uint(FieldIPProto) != uint64(proto) {
		return false
	}
	return n.metByTransport(k, uses)
}

// metByType reports whether frames of an EtherType can meet n.
func (n Need) metByType(typ uint16) bool {
	switch n {
	case NeedMPLS:
		return typ == wire.TypeMPLS || typ == wire.TypeMPLSM
	case NeedIPv4, NeedICMP:
		return typ == wire.TypeIPv4
	case NeedIPv6, NeedICMPv6, NeedND, NeedNDSolicit, NeedNDAdvert:
		return typ == wire.TypeIPv6
	case NeedARP:
		return typ == wire.TypeARP || typ == wire.TypeRARP
	}
	return typ == wire.TypeIPv4 || typ == wire.TypeIPv6
}

// protocol returns the IP protocol that n names, if it names one.
func (n Need) protocol() (proto uint8, ok bool) {
	switch n {
	case NeedTCP:
		return wire.ProtoTCP, true
	case NeedUDP:
		return wire.ProtoUDP, true
	case NeedSCTP:
		return wire.ProtoSCTP, true
	case NeedICMP:
		return wire.ProtoICMP, true
	case NeedICMPv6, NeedND, NeedNDSolicit, NeedNDAdvert:
		return wire.ProtoICMPv6, true
	}
	return 0, false
}

// metByTransport reports whether a packet of the right protocol has a transport header with the field
// in it.
func (n Need) metByTransport(k *Key, uses *Mask) bool {
	switch n {
	case NeedTCP, NeedUDP, NeedSCTP:
		if uses != nil {
			uses.SetBits(FieldIPFrag, FragLater)
		}
		return k.Uint(FieldIPFrag)&FragLater == 0
	case NeedND, NeedNDSolicit, NeedNDAdvert:
		if uses != nil {
			uses.SetExact(FieldICMPv6Type)
			uses.SetExact(FieldICMPv6Code)
		}
		typ := k.Uint(FieldICMPv6Type)
		solicit, advert := typ == wire.NDSolicit, typ == wire.NDAdvert
		return k.Uint(FieldICMPv6Code) == 0 && (solicit && n != NeedNDAdvert || advert && n != NeedNDSolicit)
	}
	return true
}

package gateway

import (
	"math/bits"
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// hasPorts reports whether p is a protocol with ports.
func (p Protocol) hasPorts() bool {
	return p.Given && (p.Number == wire.ProtoTCP || p.Number == wire.ProtoUDP || p.Number == wire.ProtoSCTP)
}

// ipFields are the fields of an IP version's addresses.
type ipFields struct{ src, dst flow.FieldID }

func fieldsOf(v6 bool) ipFields {
	if v6 {
		return ipFields{flow.FieldIPv6Src, flow.FieldIPv6Dst}
	}
	return ipFields{flow.FieldIPSrc, flow.FieldIPDst}
}

// firstRule returns the index of the first rule that is about the packet of k, which came in by an
// interface, -1 if none is. It adds to mask the bits that the answer rests on: of a rule that is about other
// packets, those up to the first that says so.
func firstRule(rules []Rule, in string, k *flow.Key, v6 bool, mask *flow.Mask) int {
	for i := range rules {
		if rules[i].about(in, k, v6, mask) {
			return i
		}
	}
	return -1
}

func (r *Rule) about(in string, k *flow.Key, v6 bool, mask *flow.Mask) bool {
	f := fieldsOf(v6)
	if r.Interface != "" && r.Interface != in || !r.family(v6) ||
		!within(k, mask, f.dst, r.To) || !within(k, mask, f.src, r.From) {
		return false
	}
	if !r.Protocol.Given {
		return true
	}
	mask.SetExact(flow.FieldIPProto)
	if uint8(k.Uint(flow.FieldIPProto)) != r.Protocol.Number {
		return false
	}
	if r.FromPorts.any() && r.ToPorts.any() {
		return true
	}
	mask.SetBits(flow.FieldIPFrag, flow.FragLater)
	if k.Uint(flow.FieldIPFrag)&flow.FragLater != 0 {
		return false
	}
	// The ports of TCP lie where those of UDP and SCTP do.
	return r.ToPorts.has(k, mask, flow.FieldTCPDst) && r.FromPorts.has(k, mask, flow.FieldTCPSrc)
}

// family reports whether the rule is about an IP version at all.
func (r *Rule) family(v6 bool) bool {
	for _, p := range [...]netip.Prefix{r.From, r.To} {
		if p.IsValid() && p.Addr().Is6() != v6 {
			return false
		}
	}
	return true
}

func (p Ports) has(k *flow.Key, mask *flow.Mask, f flow.FieldID) bool {
	if p.any() {
		return true
	}
	mask.SetExact(f)
	port := uint16(k.Uint(f))
	return p.First <= port && port <= p.Last
}

// within reports whether a field is in a prefix, if that is valid, and adds to mask the bits up to the first
// that is another, all of the prefix if none is.
func within(k *flow.Key, mask *flow.Mask, f flow.FieldID, p netip.Prefix) bool {
	if !p.IsValid() {
		return true
	}
	var want [16]byte
	if p.Addr().Is4() {
		a := p.Addr().As4()
		copy(want[:], a[:])
	} else {
		want = p.Addr().As16()
	}
	have, seen := k.Bytes(f), mask.Bytes(f)
	for i := 0; 8*i < p.Bits(); i++ {
		part := byte(0xff)
		if rest := p.Bits() - 8*i; rest < 8 {
			part <<= 8 - rest
		}
		if differs := (have[i] ^ want[i]) & part; differs != 0 {
			seen[i] |= ^(0x7f >> bits.LeadingZeros8(differs))
			return false
		}
		seen[i] |= part
	}
	return true
}

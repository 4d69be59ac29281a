package flow

import (
	"slices"

	"github.com/culvertdev/culvert/encap/wire"
)

var _ = [1]struct{}{}[Version-3]

// Whole returns the match of k alone, as Open vSwitch prints a packet's flow: it has every field that the packet
// has, and of those that are beside it, such as registers, the ones that are not zero.
func (k *Key) Whole() Match {
	m := Match{Key: *k}
	for f := FieldID(1); f <= FieldReg31; f++ { // these and no others are beside the packet
		m.exactly(f, anyBit(k.Bytes(f)))
	}
	m.exactly(FieldInPort, true)
	if k.Uint(FieldActsetOutput) == unset {
		m.Mask.Clear(FieldActsetOutput) // no value, thus none that is not zero
	}
	tagged := k.Uint(FieldVLANTCI)&VLANPresent != 0
	m.exactly(FieldVLANTCI, true)
	m.exactly(FieldVLANTCI1, tagged)
	m.exactly(FieldEthSrc, true)
	m.exactly(FieldEthDst, true)
	m.exactly(FieldEthType, true)
	m.wholeNetwork()
	m.Apply()
	return m
}

func (m *Match) exactly(f FieldID, is bool) {
	if is {
		m.Mask.SetExact(f)
	}
}

func anyBit(b []byte) bool { return slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// wholeNetwork adds the fields of the network and transport headers.
func (m *Match) wholeNetwork() {
	k := &m.Key
	switch k.Uint(FieldEthType) {
	case wire.TypeIPv4:
		m.each(FieldIPSrc, FieldIPDst)
	case wire.TypeIPv6:
		m.each(FieldIPv6Src, FieldIPv6Dst, FieldIPv6Label)
	case wire.TypeARP, wire.TypeRARP:
		m.each(FieldARPSPA, FieldARPTPA, FieldARPOp, FieldARPSHA, FieldARPTHA)
		return
	case wire.TypeMPLS, wire.TypeMPLSM:
		m.each(FieldMPLSLabel, FieldMPLSTC, FieldMPLSTTL, FieldMPLSBOS)
		if k.Uint(FieldMPLSBOS) == 0 {
			m.each(FieldMPLSLSE1, FieldMPLSLSE2)
		}
		return
	default:
		return
	}
	m.each(FieldIPProto, FieldIPTOS, FieldIPECN, FieldIPTTL, FieldIPFrag)
	if k.Uint(FieldIPFrag)&FragLater != 0 {
		return
	}
	switch {
	case NeedTCP.Met(k, nil):
		m.each(FieldTCPSrc, FieldTCPDst, FieldTCPFlags)
	case NeedUDP.Met(k, nil), NeedSCTP.Met(k, nil):
		m.each(FieldTCPSrc, FieldTCPDst)
	case NeedICMP.Met(k, nil):
		m.each(FieldICMPType, FieldICMPCode)
	case NeedICMPv6.Met(k, nil):
		m.each(FieldICMPv6Type, FieldICMPv6Code)
		if NeedND.Met(k, nil) {
			m.each(FieldNDTarget, FieldNDSLL, FieldNDTLL)
		}
	}
}

func (m *Match) each(fs ...FieldID) {
	for _, f := range fs {
		m.Mask.SetExact(f)
	}
}

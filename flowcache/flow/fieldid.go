package flow

// A FieldID names a match field. Several fields may share bits of the key: tcp_src, udp_src and
// icmp_type lie in the same place and differ in what they need to be matched.
type FieldID uint8

// Match fields, in the order of ovs-fields(7). The names are those of ovs-ofctl.
const (
	NoField FieldID = iota
	FieldTunID
	FieldTunSrc
	FieldTunDst
	FieldTunIPv6Src
	FieldTunIPv6Dst
	FieldTunFlags
	FieldTunGBPID
	FieldTunGBPFlags
	FieldTunErspanIdx
	FieldTunErspanVer
	FieldTunErspanDir
	FieldTunErspanHWID
	FieldTunTOS
	FieldInPort
	FieldRecircID
	FieldDPHash
	FieldPktMark
	FieldActsetOutput
	FieldConjID
	FieldMetadata
	FieldReg0       // Reg0+i is register i, i up to 31
	FieldReg31      = FieldReg0 + 31
	FieldXReg0      = FieldReg31 + 1 // XReg0+i, i up to 15: registers 2i (upper half) and 2i+1
	FieldXReg15     = FieldXReg0 + 15
	FieldXXReg0     = FieldXReg15 + 1 // XXReg0+i, i up to 7: registers 4i (uppermost) to 4i+3
	FieldXXReg7     = FieldXXReg0 + 7
	FieldEthSrc     = FieldXXReg7 + 1
	FieldEthDst     = FieldEthSrc + 1
	FieldEthType    = FieldEthDst + 1
	FieldVLANTCI    = FieldEthType + 1 // vlan_tci: the outer tag as a whole
	FieldVLANVID    = FieldVLANTCI + 1 // vlan_vid: 12 bits and present
	FieldVLANPCP    = FieldVLANVID + 1
	FieldDLVLAN     = FieldVLANPCP + 1 // dl_vlan: 12 bits, 0xffff means untagged
	FieldDLVLANPCP  = FieldDLVLAN + 1
	FieldMPLSLabel  = FieldDLVLANPCP + 1
	FieldMPLSTC     = FieldMPLSLabel + 1
	FieldMPLSBOS    = FieldMPLSTC + 1
	FieldMPLSTTL    = FieldMPLSBOS + 1
	FieldIPSrc      = FieldMPLSTTL + 1
	FieldIPDst      = FieldIPSrc + 1
	FieldIPv6Src    = FieldIPDst + 1
	FieldIPv6Dst    = FieldIPv6Src + 1
	FieldIPv6Label  = FieldIPv6Dst + 1
	FieldIPProto    = FieldIPv6Label + 1
	FieldIPTTL      = FieldIPProto + 1
	FieldIPFrag     = FieldIPTTL + 1
	FieldIPTOS      = FieldIPFrag + 1 // nw_tos: the upper 6 bits of the byte, in place
	FieldIPDSCP     = FieldIPTOS + 1  // ip_dscp: the same bits, shifted down
	FieldIPECN      = FieldIPDSCP + 1
	FieldARPOp      = FieldIPECN + 1
	FieldARPSPA     = FieldARPOp + 1
	FieldARPTPA     = FieldARPSPA + 1
	FieldARPSHA     = FieldARPTPA + 1
	FieldARPTHA     = FieldARPSHA + 1
	FieldTCPSrc     = FieldARPTHA + 1
	FieldTCPDst     = FieldTCPSrc + 1
	FieldTCPFlags   = FieldTCPDst + 1
	FieldUDPSrc     = FieldTCPFlags + 1
	FieldUDPDst     = FieldUDPSrc + 1
	FieldSCTPSrc    = FieldUDPDst + 1
	FieldSCTPDst    = FieldSCTPSrc + 1
	FieldICMPType   = FieldSCTPDst + 1
	FieldICMPCode   = FieldICMPType + 1
	FieldICMPv6Type = FieldICMPCode + 1
	FieldICMPv6Code = FieldICMPv6Type + 1
	FieldNDTarget   = FieldICMPv6Code + 1
	FieldNDSLL      = FieldNDTarget + 1
	FieldNDTLL      = FieldNDSLL + 1

	// Fields only caches match on: see Internal.
	FieldVLANTPID  = FieldNDTLL + 1
	FieldVLANTPID1 = FieldVLANTPID + 1 // of the inner tag
	FieldVLANTCI1  = FieldVLANTPID1 + 1
	FieldMPLSLSE1  = FieldVLANTCI1 + 1 // the second label stack entry as a whole
	FieldMPLSLSE2  = FieldMPLSLSE1 + 1 // the third
	FieldIPAtomic  = FieldMPLSLSE2 + 1 // an IPv6 packet is whole and has a fragment header: FragAtomic

	// The tunnel options, which a TLVMap gives a meaning.
	FieldTunMetadata0  = FieldIPAtomic + 1 // TunMetadata0+i is tun_metadata<i>
	FieldTunMetadata63 = FieldTunMetadata0 + 63

	NumFields = FieldTunMetadata63 + 1
)

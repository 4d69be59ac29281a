package flow

// fields is the table of match fields, by FieldID. It does not change. Names, widths, prerequisites
// and what may be masked or written: ovs-fields(7).
var fields = func() [NumFields]Field {
	var t [NumFields]Field
	for _, group := range [][]Field{tunnelFields, metadataFields, ethernetFields, ipFields, transportFields, cacheFields} {
		for _, f := range group {
			t[f.ID] = f
		}
	}
	for i := range Registers {
		t[FieldReg0+FieldID(i)] = register(i)
	}
	for i := range Registers / 2 {
		t[FieldXReg0+FieldID(i)] = longRegister(i)
	}
	for i := range int(tunMetadataFields) {
		t[FieldTunMetadata0+FieldID(i)] = tunMetadata(i)
	}
	for i := range Registers / 4 {
		t[FieldXXReg0+FieldID(i)] = doubleLongRegister(i)
	}
	return t
}()

// In values of fields that fill their bytes.
const (
	in8  = 1<<8 - 1
	in16 = 1<<16 - 1
	in32 = 1<<32 - 1
	in48 = 1<<48 - 1
	in64 = 1<<64 - 1
)

var tunnelFields = []Field{
	{ID: FieldTunID, Name: "tun_id", Aliases: []string{"tunnel_id", "NXM_NX_TUN_ID", "OXM_OF_TUNNEL_ID"},
		Block: Tunnel, Off: OffTunID, Size: 8, In: in64, Bits: 64, Kind: Hex, Maskable: true, Writable: true},
	{ID: FieldTunSrc, Name: "tun_src", Aliases: []string{"NXM_NX_TUN_IPV4_SRC"},
		Block: Tunnel, Off: OffTunSrc, Size: 4, In: in32, Bits: 32, Kind: IPv4, Maskable: true, Writable: true},
	{ID: FieldTunDst, Name: "tun_dst", Aliases: []string{"NXM_NX_TUN_IPV4_DST"},
		Block: Tunnel, Off: OffTunDst, Size: 4, In: in32, Bits: 32, Kind: IPv4, Maskable: true, Writable: true},
	{ID: FieldTunIPv6Src, Name: "tun_ipv6_src", Aliases: []string{"NXM_NX_TUN_IPV6_SRC"},
		Block: Tunnel, Off: OffTunIP6Src, Size: 16, Bits: 128, Kind: IPv6, Maskable: true, Writable: true},
	{ID: FieldTunIPv6Dst, Name: "tun_ipv6_dst", Aliases: []string{"NXM_NX_TUN_IPV6_DST"},
		Block: Tunnel, Off: OffTunIP6Dst, Size: 16, Bits: 128, Kind: IPv6, Maskable: true, Writable: true},
	{ID: FieldTunFlags, Name: "tun_flags", Aliases: []string{"NXM_NX_TUN_FLAGS"},
		Block: Tunnel, Off: OffTunBits, Size: 4, In: 1, Bits: 1, Kind: TunFlags, Maskable: true, Writable: true},
	{ID: FieldTunGBPID, Name: "tun_gbp_id", Aliases: []string{"NXM_NX_TUN_GBP_ID"},
		Block: Tunnel, Off: OffTunGBPID, Size: 2, In: in16, Bits: 16, Maskable: true, Writable: true},
	{ID: FieldTunGBPFlags, Name: "tun_gbp_flags", Aliases: []string{"NXM_NX_TUN_GBP_FLAGS"},
		Block: Tunnel, Off: OffTunGBPFlags, Size: 1, In: in8, Bits: 8, Kind: Hex, Maskable: true, Writable: true},
	{ID: FieldTunErspanIdx, Name: "tun_erspan_idx", Aliases: []string{"NXOXM_ET_ERSPAN_IDX"},
		Block: Tunnel, Off: OffTunBits, Size: 4, In: 0xfffff << 12, Shift: 12, Bits: 20, Kind: Hex, Maskable: true, Writable: true},
	{ID: FieldTunErspanVer, Name: "tun_erspan_ver", Aliases: []string{"NXOXM_ET_ERSPAN_VER"},
		Block: Tunnel, Off: OffTunBits, Size: 4, In: 0xf << 8, Shift: 8, Bits: 4, Maskable: true, Writable: true},
	{ID: FieldTunErspanDir, Name: "tun_erspan_dir", Aliases: []string{"NXOXM_ET_ERSPAN_DIR"},
		Block: Tunnel, Off: OffTunBits, Size: 4, In: 1 << 1, Shift: 1, Bits: 1, Maskable: true, Writable: true},
	{ID: FieldTunErspanHWID, Name: "tun_erspan_hwid", Aliases: []string{"NXOXM_ET_ERSPAN_HWID"},
		Block: Tunnel, Off: OffTunBits, Size: 4, In: 0x3f << 2, Shift: 2, Bits: 6, Kind: Hex, Maskable: true, Writable: true},
	{ID: FieldTunTOS, Name: "tun_tos", Block: Tunnel, Off: OffTunTOS, Size: 1, In: in8, Bits: 8},
}

var metadataFields = []Field{
	{ID: FieldInPort, Name: "in_port", Aliases: []string{"in_port_oxm", "NXM_OF_IN_PORT", "OXM_OF_IN_PORT"},
		Block: Base, Off: OffInPort, Size: 4, In: in32, Bits: 16, Kind: Port, Writable: true},
	{ID: FieldRecircID, Name: "recirc_id", Aliases: []string{"NXM_NX_RECIRC_ID"},
		Block: Base, Off: OffRecirc, Size: 4, In: in32, Bits: 32, Kind: Hex},
	{ID: FieldDPHash, Name: "dp_hash", Aliases: []string{"NXM_NX_DP_HASH", "NXOXM_ET_DP_HASH"},
		Block: Base, Off: OffDPHash, Size: 4, In: in32, Bits: 32, Kind: Hex, Maskable: true},
	{ID: FieldPktMark, Name: "pkt_mark", Aliases: []string{"NXM_NX_PKT_MARK"},
		Block: Base, Off: OffPktMark, Size: 4, In: in32, Bits: 32, Kind: Hex, Maskable: true, Writable: true},
	{ID: FieldActsetOutput, Name: "actset_output", Aliases: []string{"ONFOXM_ET_ACTSET_OUTPUT", "OXM_OF_ACTSET_OUTPUT"},
		Block: State, Off: OffActsetOutput, Size: 4, In: in32, Bits: 32, Kind: Port},
	{ID: FieldConjID, Name: "conj_id", Aliases: []string{"NXM_NX_CONJ_ID"},
		Block: State, Off: OffConjID, Size: 4, In: in32, Bits: 32},
	{ID: FieldMetadata, Name: "metadata", Aliases: []string{"OXM_OF_METADATA"},
		Block: State, Off: OffMetadata, Size: 8, In: in64, Bits: 64, Kind: Hex, Maskable: true, Writable: true},
}

var ethernetFields = []Field{
	{ID: FieldEthSrc, Name: "dl_src", Aliases: []string{"eth_src", "NXM_OF_ETH_SRC", "OXM_OF_ETH_SRC"},
		Block: Base, Off: OffEthSrc, Size: 6, In: in48, Bits: 48, Kind: MAC, Maskable: true, Writable: true},
	{ID: FieldEthDst, Name: "dl_dst", Aliases: []string{"eth_dst", "NXM_OF_ETH_DST", "OXM_OF_ETH_DST"},
		Block: Base, Off: OffEthDst, Size: 6, In: in48, Bits: 48, Kind: MAC, Maskable: true, Writable: true},
	{ID: FieldEthType, Name: "dl_type", Aliases: []string{"eth_type", "NXM_OF_ETH_TYPE", "OXM_OF_ETH_TYPE"},
		Block: Base, Off: OffEthType, Size: 2, In: in16, Bits: 16, Kind: Hex},
	{ID: FieldVLANTCI, Name: "vlan_tci", Aliases: []string{"NXM_OF_VLAN_TCI"},
		Block: Base, Off: OffVLANTCI, Size: 2, In: in16, Bits: 16, Kind: Hex, Maskable: true, Writable: true},
	{ID: FieldVLANVID, Name: "vlan_vid", Aliases: []string{"OXM_OF_VLAN_VID"},
		Block: Base, Off: OffVLANTCI, Size: 2, In: 0x1fff, Bits: 12, Maskable: true, Writable: true},
	{ID: FieldVLANPCP, Name: "vlan_pcp", Aliases: []string{"OXM_OF_VLAN_PCP"},
		Block: Base, Off: OffVLANTCI, Size: 2, In: 0xe000, Shift: 13, Bits: 3, Need: NeedVLAN, Writable: true},
	{ID: FieldDLVLAN, Name: "dl_vlan", Block: Base, Off: OffVLANTCI, Size: 2, In: 0x0fff, Bits: 12, Writable: true},
	{ID: FieldDLVLANPCP, Name: "dl_vlan_pcp", Block: Base, Off: OffVLANTCI, Size: 2, In: 0xe000, Shift: 13, Bits: 3, Writable: true},
	{ID: FieldMPLSLabel, Name: "mpls_label", Aliases: []string{"OXM_OF_MPLS_LABEL"},
		Block: Label, Off: OffMPLS0, Size: 4, In: 0xfffff000, Shift: 12, Bits: 20, Need: NeedMPLS, Writable: true},
	{ID: FieldMPLSTC, Name: "mpls_tc", Aliases: []string{"OXM_OF_MPLS_TC"},
		Block: Label, Off: OffMPLS0, Size: 4, In: 0xe00, Shift: 9, Bits: 3, Need: NeedMPLS, Writable: true},
	{ID: FieldMPLSBOS, Name: "mpls_bos", Aliases: []string{"OXM_OF_MPLS_BOS"},
		Block: Label, Off: OffMPLS0, Size: 4, In: 0x100, Shift: 8, Bits: 1, Need: NeedMPLS},
	{ID: FieldMPLSTTL, Name: "mpls_ttl", Aliases: []string{"NXM_NX_MPLS_TTL"},
		Block: Label, Off: OffMPLS0, Size: 4, In: 0xff, Bits: 8, Need: NeedMPLS, Writable: true},
}

var ipFields = []Field{
	{ID: FieldIPSrc, Name: "nw_src", Aliases: []string{"ip_src", "NXM_OF_IP_SRC", "OXM_OF_IPV4_SRC"},
		Block: Base, Off: OffIPSrc, Size: 4, In: in32, Bits: 32, Kind: IPv4, Need: NeedIPv4, Maskable: true, Writable: true},
	{ID: FieldIPDst, Name: "nw_dst", Aliases: []string{"ip_dst", "NXM_OF_IP_DST", "OXM_OF_IPV4_DST"},
		Block: Base, Off: OffIPDst, Size: 4, In: in32, Bits: 32, Kind: IPv4, Need: NeedIPv4, Maskable: true, Writable: true},
	{ID: FieldIPv6Src, Name: "ipv6_src", Aliases: []string{"NXM_NX_IPV6_SRC", "OXM_OF_IPV6_SRC"},
		Block: Net6, Off: OffIP6Src, Size: 16, Bits: 128, Kind: IPv6, Need: NeedIPv6, Maskable: true, Writable: true},
	{ID: FieldIPv6Dst, Name: "ipv6_dst", Aliases: []string{"NXM_NX_IPV6_DST", "OXM_OF_IPV6_DST"},
		Block: Net6, Off: OffIP6Dst, Size: 16, Bits: 128, Kind: IPv6, Need: NeedIPv6, Maskable: true, Writable: true},
	{ID: FieldIPv6Label, Name: "ipv6_label", Aliases: []string{"NXM_NX_IPV6_LABEL", "OXM_OF_IPV6_FLABEL"},
		Block: Net6, Off: OffIP6Label, Size: 4, In: 0xfffff, Bits: 20, Kind: Hex, Need: NeedIPv6, Maskable: true, Writable: true},
	{ID: FieldIPProto, Name: "nw_proto", Aliases: []string{"ip_proto", "NXM_OF_IP_PROTO", "OXM_OF_IP_PROTO"},
		Block: Base, Off: OffIPProto, Size: 1, In: in8, Bits: 8, Need: NeedIP},
	{ID: FieldIPTTL, Name: "nw_ttl", Aliases: []string{"NXM_NX_IP_TTL"},
		Block: Base, Off: OffIPTTL, Size: 1, In: in8, Bits: 8, Need: NeedIP, Writable: true},
	{ID: FieldIPFrag, Name: "nw_frag", Aliases: []string{"ip_frag", "NXM_NX_IP_FRAG"},
		Block: Base, Off: OffIPFrag, Size: 1, In: FragAny | FragLater, Bits: 2, Kind: Frag, Need: NeedIP, Maskable: true},
	{ID: FieldIPTOS, Name: "nw_tos", Aliases: []string{"NXM_OF_IP_TOS"},
		Block: Base, Off: OffIPTOS, Size: 1, In: 0xfc, Bits: 8, Need: NeedIP, Writable: true},
	{ID: FieldIPDSCP, Name: "ip_dscp", Aliases: []string{"OXM_OF_IP_DSCP"},
		Block: Base, Off: OffIPTOS, Size: 1, In: 0xfc, Shift: 2, Bits: 6, Need: NeedIP, Writable: true},
	{ID: FieldIPECN, Name: "nw_ecn", Aliases: []string{"ip_ecn", "NXM_NX_IP_ECN", "OXM_OF_IP_ECN"},
		Block: Base, Off: OffIPTOS, Size: 1, In: 0x03, Bits: 2, Need: NeedIP, Writable: true},
	// OpenFlow has 16 bits for the operation; the key, as OVS's, the lower 8.
	{ID: FieldARPOp, Name: "arp_op", Aliases: []string{"NXM_OF_ARP_OP", "OXM_OF_ARP_OP"},
		Block: Base, Off: OffIPProto, Size: 1, In: in8, Bits: 16, Need: NeedARP, Writable: true},
	{ID: FieldARPSPA, Name: "arp_spa", Aliases: []string{"NXM_OF_ARP_SPA", "OXM_OF_ARP_SPA"},
		Block: Base, Off: OffIPSrc, Size: 4, In: in32, Bits: 32, Kind: IPv4, Need: NeedARP, Maskable: true, Writable: true},
	{ID: FieldARPTPA, Name: "arp_tpa", Aliases: []string{"NXM_OF_ARP_TPA", "OXM_OF_ARP_TPA"},
		Block: Base, Off: OffIPDst, Size: 4, In: in32, Bits: 32, Kind: IPv4, Need: NeedARP, Maskable: true, Writable: true},
	{ID: FieldARPSHA, Name: "arp_sha", Aliases: []string{"NXM_NX_ARP_SHA", "OXM_OF_ARP_SHA"},
		Block: Net6, Off: OffARPSHA, Size: 6, In: in48, Bits: 48, Kind: MAC, Need: NeedARP, Maskable: true, Writable: true},
	{ID: FieldARPTHA, Name: "arp_tha", Aliases: []string{"NXM_NX_ARP_THA", "OXM_OF_ARP_THA"},
		Block: Net6, Off: OffARPTHA, Size: 6, In: in48, Bits: 48, Kind: MAC, Need: NeedARP, Maskable: true, Writable: true},
}

var transportFields = []Field{
	{ID: FieldTCPSrc, Name: "tcp_src", Aliases: []string{"tp_src", "NXM_OF_TCP_SRC", "OXM_OF_TCP_SRC"},
		Block: Base, Off: OffL4Src, Size: 2, In: in16, Bits: 16, Need: NeedTCP, Maskable: true, Writable: true},
	{ID: FieldTCPDst, Name: "tcp_dst", Aliases: []string{"tp_dst", "NXM_OF_TCP_DST", "OXM_OF_TCP_DST"},
		Block: Base, Off: OffL4Dst, Size: 2, In: in16, Bits: 16, Need: NeedTCP, Maskable: true, Writable: true},
	{ID: FieldTCPFlags, Name: "tcp_flags", Aliases: []string{"NXM_NX_TCP_FLAGS", "ONFOXM_ET_TCP_FLAGS", "OXM_OF_TCP_FLAGS"},
		Block: Base, Off: OffTCPFlags, Size: 2, In: 0x0fff, Bits: 12, Kind: TCPFlags, Need: NeedTCP, Maskable: true},
	{ID: FieldUDPSrc, Name: "udp_src", Aliases: []string{"NXM_OF_UDP_SRC", "OXM_OF_UDP_SRC"},
		Block: Base, Off: OffL4Src, Size: 2, In: in16, Bits: 16, Need: NeedUDP, Maskable: true, Writable: true},
	{ID: FieldUDPDst, Name: "udp_dst", Aliases: []string{"NXM_OF_UDP_DST", "OXM_OF_UDP_DST"},
		Block: Base, Off: OffL4Dst, Size: 2, In: in16, Bits: 16, Need: NeedUDP, Maskable: true, Writable: true},
	{ID: FieldSCTPSrc, Name: "sctp_src", Aliases: []string{"OXM_OF_SCTP_SRC"},
		Block: Base, Off: OffL4Src, Size: 2, In: in16, Bits: 16, Need: NeedSCTP, Maskable: true, Writable: true},
	{ID: FieldSCTPDst, Name: "sctp_dst", Aliases: []string{"OXM_OF_SCTP_DST"},
		Block: Base, Off: OffL4Dst, Size: 2, In: in16, Bits: 16, Need: NeedSCTP, Maskable: true, Writable: true},
	// Type and code lie in the low bytes of the ports' places; the high bytes, always zero, are matched
	// along, so that a rule by type and one by port in the same place have the same mask.
	{ID: FieldICMPType, Name: "icmp_type", Aliases: []string{"NXM_OF_ICMP_TYPE", "OXM_OF_ICMPV4_TYPE"},
		Block: Base, Off: OffL4Src, Size: 2, In: in16, Bits: 8, Need: NeedICMP, Writable: true},
	{ID: FieldICMPCode, Name: "icmp_code", Aliases: []string{"NXM_OF_ICMP_CODE", "OXM_OF_ICMPV4_CODE"},
		Block: Base, Off: OffL4Dst, Size: 2, In: in16, Bits: 8, Need: NeedICMP, Writable: true},
	{ID: FieldICMPv6Type, Name: "icmpv6_type", Aliases: []string{"NXM_NX_ICMPV6_TYPE", "OXM_OF_ICMPV6_TYPE"},
		Block: Base, Off: OffL4Src, Size: 2, In: in16, Bits: 8, Need: NeedICMPv6, Writable: true},
	{ID: FieldICMPv6Code, Name: "icmpv6_code", Aliases: []string{"NXM_NX_ICMPV6_CODE", "OXM_OF_ICMPV6_CODE"},
		Block: Base, Off: OffL4Dst, Size: 2, In: in16, Bits: 8, Need: NeedICMPv6, Writable: true},
	{ID: FieldNDTarget, Name: "nd_target", Aliases: []string{"NXM_NX_ND_TARGET", "OXM_OF_IPV6_ND_TARGET"},
		Block: Net6, Off: OffNDTarget, Size: 16, Bits: 128, Kind: IPv6, Need: NeedND, Maskable: true, Writable: true},
	{ID: FieldNDSLL, Name: "nd_sll", Aliases: []string{"NXM_NX_ND_SLL", "OXM_OF_IPV6_ND_SLL"},
		Block: Net6, Off: OffARPSHA, Size: 6, In: in48, Bits: 48, Kind: MAC, Need: NeedNDSolicit, Maskable: true, Writable: true},
	{ID: FieldNDTLL, Name: "nd_tll", Aliases: []string{"NXM_NX_ND_TLL", "OXM_OF_IPV6_ND_TLL"},
		Block: Net6, Off: OffARPTHA, Size: 6, In: in48, Bits: 48, Kind: MAC, Need: NeedNDAdvert, Maskable: true, Writable: true},
}

var cacheFields = []Field{
	{ID: FieldVLANTPID, Name: "vlan_tpid", Block: Base, Off: OffVLANTPID, Size: 2, In: in16, Bits: 16, Kind: Hex, Maskable: true},
	{ID: FieldVLANTPID1, Name: "vlan_tpid1", Block: Base, Off: OffVLANTPID2, Size: 2, In: in16, Bits: 16, Kind: Hex, Maskable: true},
	{ID: FieldVLANTCI1, Name: "vlan_tci1", Block: Base, Off: OffVLANTCI2, Size: 2, In: in16, Bits: 16, Kind: Hex, Maskable: true},
	{ID: FieldMPLSLSE1, Name: "mpls_lse1", Block: Label, Off: OffMPLS1, Size: 4, In: in32, Bits: 32, Need: NeedMPLS, Maskable: true},
	{ID: FieldMPLSLSE2, Name: "mpls_lse2", Block: Label, Off: OffMPLS2, Size: 4, In: in32, Bits: 32, Need: NeedMPLS, Maskable: true},
	{ID: FieldIPAtomic, Name: "nw_atomic", Block: Base, Off: OffIPFrag, Size: 1, In: FragAtomic, Shift: 2, Bits: 1, Need: NeedIPv6},
}

// Package wire knows the bytes of the headers a switch reads and writes: numbers, sizes, offsets,
// checksums, and setters that keep the checksums right.
//
// It is not a parser: offsets of headers come from flow extraction. It knows nothing of flows, ports
// or actions.
//
// Memory: functions work in place on the bytes they are given and keep nothing. A setter changes all
// it has to change or, when the header it is for is not there in full, nothing.
//
// Thread-safety: no state; safe on different packets at the same time.
package wire

// EtherTypes (IEEE 802 numbers, IANA registry).
const (
	TypeIPv4  = 0x0800
	TypeARP   = 0x0806
	TypeVLAN  = 0x8100 // 802.1Q customer tag
	TypeTEB   = 0x6558 // an Ethernet frame (transparent Ethernet bridging, RFC 1701)
	TypeRARP  = 0x8035
	TypeIPv6  = 0x86dd
	TypeMPLS  = 0x8847
	TypeMPLSM = 0x8848 // MPLS with an upstream-assigned label, formerly multicast (RFC 5332)
	TypeSVLAN = 0x88a8 // 802.1ad service tag

	// MinType is the least EtherType; less is the length of an 802.3 frame (IEEE 802.3, 3.2.6).
	MinType = 0x0600
)

// IP protocol and IPv6 next-header numbers (IANA registry).
const (
	ProtoHopOpts  = 0
	ProtoICMP     = 1
	ProtoIGMP     = 2
	ProtoTCP      = 6
	ProtoUDP      = 17
	ProtoRouting  = 43
	ProtoFragment = 44
	ProtoGRE      = 47
	ProtoAH       = 51
	ProtoICMPv6   = 58
	ProtoDstOpts  = 60
	ProtoSCTP     = 132
)

// Header sizes in bytes, without options.
const (
	EthernetSize = 14
	VLANTagSize  = 4 // TCI and the EtherType behind it, or TPID and TCI: the same four bytes moved
	SNAPSize     = 8 // LLC and SNAP
	MPLSSize     = 4 // one label stack entry
	ARPSize      = 28
	IPv4Size     = 20
	IPv6Size     = 40
	TCPSize      = 20
	UDPSize      = 8
	SCTPSize     = 12
	ICMPSize     = 8 // also IGMP's and the least of an ICMPv6 message that OVS looks at
)

// Offsets in an Ethernet header, in bytes.
const (
	EthDst  = 0
	EthSrc  = 6
	EthType = 12
)

// Offsets in an IPv4 header (RFC 791 section 3.1), in bytes.
const (
	IPv4TOS      = 1
	IPv4Length   = 2
	IPv4ID       = 4
	IPv4Fragment = 6
	IPv4TTL      = 8
	IPv4Protocol = 9
	IPv4Checksum = 10
	IPv4Src      = 12
	IPv4Dst      = 16
)

// Bits of the IPv4 fragment field.
const (
	IPv4DontFragment  = 0x4000
	IPv4MoreFragments = 0x2000
	IPv4FragOffset    = 0x1fff // in units of 8 bytes
)

// Offsets in an IPv6 header (RFC 8200 section 3), in bytes.
const (
	IPv6Length   = 4
	IPv6Next     = 6
	IPv6HopLimit = 7
	IPv6Src      = 8
	IPv6Dst      = 24
)

// IPv6FragOffset is the offset in an IPv6 fragment header's third and fourth byte, in place: units of
// 8 bytes shifted up by 3 (RFC 8200 section 4.5).
const IPv6FragOffset = 0xfff8

// Offsets in transport headers, in bytes. Source and destination port are in the same place in TCP,
// UDP and SCTP.
const (
	SrcPort      = 0
	DstPort      = 2
	TCPDataOff   = 12
	TCPChecksum  = 16
	UDPLength    = 4
	UDPChecksum  = 6
	SCTPChecksum = 8
	ICMPType     = 0
	ICMPCode     = 1
	ICMPChecksum = 2
)

// Offsets in an ARP packet for IPv4 over Ethernet (RFC 826), in bytes.
const (
	ARPHardware  = 0 // 1 for Ethernet
	ARPProtocol  = 2 // TypeIPv4
	ARPHardLen   = 4 // 6
	ARPProtoLen  = 5 // 4
	ARPOperation = 6
	ARPSHA       = 8
	ARPSPA       = 14
	ARPTHA       = 18
	ARPTPA       = 24
)

// Neighbour discovery message types and options (RFC 4861 sections 4.3, 4.4, 4.6).
const (
	NDSolicit       = 135
	NDAdvert        = 136
	NDOptSourceLink = 1
	NDOptTargetLink = 2
)

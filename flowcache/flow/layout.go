package flow

import "github.com/culvertdev/culvert/encap"

// Version of the key layout. Whatever depends on the layout asserts the version it was written for,
//
//	var _ = [1]struct{}{}[flow.Version-3]
//
// and stops compiling when the version moves, until someone has looked.
const Version = 3

// BlockSize is the size of a key block in bytes: one cache line.
const BlockSize = 64

// A Block is one cache line of a flow key. All fields are in network byte order.
type Block [BlockSize]byte

// The blocks of a key. The base block is always there and alone serves most traffic; BlocksOf tells
// from it which others a packet has. Packets bring the first FastBlocks of them; the others exist
// only while a packet is translated, since recirc_id stands for them in the caches.
const (
	Base    = iota // port, L2, VLAN, IPv4 or ARP addresses, L4
	Net6           // IPv6 and ND addresses, label; ARP hardware addresses
	Label          // MPLS
	Tunnel         // outer headers
	Options        // first of the OptionBlocks blocks of tunnel options
)

const (
	OptionBlocks = 4                      // blocks of tunnel options
	Regs         = Options + OptionBlocks // first of the RegBlocks blocks of registers
	RegBlocks    = 2
	State        = Regs + RegBlocks // metadata and what else translation keeps
	Blocks       = State + 1        // number of blocks

	FastBlocks = Regs
)

// OptionSize is the room for tunnel options in a key, in bytes. Where in it an option's value lies is for
// a TLVMap to say: it may begin in one block and end in the next.
const OptionSize = OptionBlocks * BlockSize

// KeySize is the size of a whole key in bytes.
const KeySize = Blocks * BlockSize

// Registers is the number of 32-bit registers.
const Registers = RegBlocks * regsPerBlock

const regsPerBlock = BlockSize / 4

// A Key is everything a flow can be told by. The zero Key is valid.
type Key [Blocks]Block

// A Mask has a one in every bit of a key that counts.
type Mask [Blocks]Block

// Offsets of the fields, in bytes from the start of their block.
const (
	// Base block.
	OffInPort    = 0  // 4: port number
	OffRecirc    = 4  // 4: recirculation id
	OffEthDst    = 8  // 6
	OffEthSrc    = 14 // 6
	OffEthType   = 20 // 2: behind the VLAN tags that were parsed; TypeLLC for frames without one
	OffVLANTPID  = 22 // 2: EtherType of the outer tag
	OffVLANTCI   = 24 // 2: outer tag with bit 12 set ("present"); 0 without a tag
	OffVLANTPID2 = 26 // 2: the same of the inner tag
	OffVLANTCI2  = 28 // 2
	OffIPFrag    = 30 // 1: FragAny, FragLater, FragAtomic
	OffIPProto   = 31 // 1: also the low byte of the ARP operation
	OffIPSrc     = 32 // 4: also ARP's sender address
	OffIPDst     = 36 // 4: also ARP's target address
	OffL4Src     = 40 // 2: also the ICMP type
	OffL4Dst     = 42 // 2: also the ICMP code
	OffTCPFlags  = 44 // 2: 12 bits
	OffIPTOS     = 46 // 1: DSCP and ECN
	OffIPTTL     = 47 // 1
	OffDPHash    = 48 // 4: computed by a hash action
	OffPktMark   = 52 // 4
	OffCTZone    = 56 // 2
	OffCTState   = 58 // 1
	OffBlocks    = 59 // 1: bit i: block i is present; never part of a match
	offBaseEnd   = 60 // the rest is zero

	// Net6 block.
	OffIP6Src   = 0  // 16
	OffIP6Dst   = 16 // 16
	OffNDTarget = 32 // 16
	OffIP6Label = 48 // 4: 20 bits
	OffARPSHA   = 52 // 6: also the ND source link-layer address
	OffARPTHA   = 58 // 6: also the ND target link-layer address

	// Label block.
	OffMPLS0 = 0 // 4: outermost label stack entry
	OffMPLS1 = 4 // 4
	OffMPLS2 = 8 // 4

	// Tunnel block, which packets from tunnels bring along as it is.
	OffTunID       = encap.MetaKey      // 8
	OffTunSrc      = encap.MetaSrc      // 4
	OffTunDst      = encap.MetaDst      // 4
	OffTunIP6Src   = encap.MetaSrc6     // 16
	OffTunIP6Dst   = encap.MetaDst6     // 16
	OffTunPresent  = encap.MetaPresent  // 8: bit i: there is a tun_metadata<i>
	OffTunBits     = encap.MetaBits     // 4: ERSPAN index, version, hardware id and direction, and the flags
	OffTunGBPID    = encap.MetaGBP      // 2
	OffTunGBPFlags = encap.MetaGBPFlags // 1
	OffTunTOS      = encap.MetaTOS      // 1

	// Blocks of registers.
	OffReg0 = 0 // 16 registers of 4 in each block

	// State block.
	OffMetadata     = 0  // 8
	OffConjID       = 8  // 4
	OffActsetOutput = 12 // 4
)

// Values of the fields.
const (
	VLANPresent = 0x1000 // in a TCI: there is a tag (the CFI bit's place)
	TypeLLC     = 0x05ff // eth_type of an 802.3 frame without SNAP (ovs-fields(7), "Ethernet Type")

	// RecircHashed is set in recirculation ids under which packets have a dp_hash (action.OpHash, OpLarger).
	// Under others dp_hash is zero.
	RecircHashed = 1 << 31

	FragAny   = 1 // nw_frag: the packet is a fragment
	FragLater = 2 // nw_frag: not the first one

	// FragAtomic, beside them, is no part of nw_frag: the packet is whole, and has an IPv6 fragment header that says so (RFC
	// 6946). To rules, as in OVS, it is no fragment.
	FragAtomic = 4
)

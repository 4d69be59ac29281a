package encap

// A descriptor is the first word of a header stack: what a Pusher has to know of the bytes in the words behind it.
//
//	0..8    bytes of the stack
//	9..15   offset of the IP header in bytes
//	16..24  offset of a GRE sequence number in bytes; 0: none
//	25..31  flags
//	32..47  number of the counter that gives sequence numbers
//	48..56  offset of an ERSPAN timestamp in bytes; 0: none
//	57      packets have an IPv4 identification each
//	58..63  Type
type descriptor uint64

// Flags of a descriptor.
const (
	dV6         descriptor = 1 << (25 + iota) // IPv6, not IPv4
	dUDP                                      // UDP, not GRE
	dSum                                      // the UDP or GRE header has a checksum
	dEntropy                                  // the UDP source port, or with GRE over IPv6 the flow label, comes from the packet's hash
	dFlowID                                   // the last byte of the stack does, NVGRE's
	dInheritTOS                               // DSCP comes from the inner packet
	dInheritTTL                               // TTL comes from the inner packet

	dID descriptor = 1 << 57 // each packet gets an IPv4 identification
)

func (d descriptor) size() int     { return int(d & 0x1ff) }
func (d descriptor) l3() int       { return int(d >> 9 & 0x7f) }
func (d descriptor) sequence() int { return int(d >> 16 & 0x1ff) }
func (d descriptor) counter() int  { return int(d >> 32 & 0xffff) }
func (d descriptor) stamp() int    { return int(d >> 48 & 0x1ff) }
func (d descriptor) typ() Type     { return Type(d >> 58) }

func (d *descriptor) setSize(n int)          { *d |= descriptor(n) }
func (d *descriptor) setL3(off int)          { *d |= descriptor(off) << 9 }
func (d *descriptor) setSequence(off int)    { *d |= descriptor(off) << 16 }
func (d *descriptor) setCounter(slot uint16) { *d |= descriptor(slot) << 32 }
func (d *descriptor) setStamp(off int)       { *d |= descriptor(off) << 48 }
func (d *descriptor) setType(t Type)         { *d |= descriptor(t) << 58 }

// l4 returns the offset of the UDP or GRE header in bytes.
func (d descriptor) l4() int {
	// IPv6 has 20 bytes more than IPv4; no branch.
	return d.l3() + 20 + 20*int(d/dV6&1)
}

package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// Flags of header stacks in which there is more to fill in than plain does, but for the first.
const dPlain = dUDP | dSum | dInheritTOS | dInheritTTL | dID

// plain puts a stack with no flag of dPlain but dUDP in front of the frames that need no more than lengths, source port and
// IPv4 checksum filled in, as most do: in one buffer, with nothing left to hardware. It returns a bit for each other, which it
// has left alone, and one for each that may have a congestion mark, whose headers are still to be completed.
func (u *Pusher) plain() (others, marked uint64) {
	set := u.Pool.Wrap(u.frames, u.stack[:u.d.size()])
	others = ^uint64(0) >> (64 - len(u.frames)) &^ set
	if u.d&dV6 == 0 {
		return others, u.plain4(set)
	}
	return others, u.plain6(set)
}

// plain4 completes IPv4 and UDP headers of the frames in set. What is filled in is added to the sum of the IPv4 header as
// it was built (RFC 1624). It returns a bit for each frame that may have a congestion mark.
func (u *Pusher) plain4(set uint64) (marked uint64) {
	pool, frames, l3, size, entropy := u.Pool, u.frames, u.d.l3(), u.d.size(), u.d&dEntropy != 0
	l3s, hash := u.l3[:len(frames)], u.hash[:len(frames)]
	built := uint32(^binary.BigEndian.Uint16(u.stack[l3+wire.IPv4Checksum:]))
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		pkt := pool.Bytes(frames[i])
		if !unmarked(pkt[size:], int(l3s[i])) {
			marked |= 1 << i
		}
		h := (*[wire.IPv4Size + wire.UDPSize]byte)(pkt[l3:])
		length := len(pkt) - l3
		binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(length))
		binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], ^wire.Fold(built+uint32(length)))
		binary.BigEndian.PutUint16(h[wire.IPv4Size+wire.UDPLength:], uint16(length-wire.IPv4Size))
		if entropy {
			binary.BigEndian.PutUint16(h[wire.IPv4Size+wire.SrcPort:], sourcePort(hash[i]))
		}
	}
	return marked
}

// plain6 is the same over IPv6.
func (u *Pusher) plain6(set uint64) (marked uint64) {
	pool, frames, l3, size, entropy := u.Pool, u.frames, u.d.l3(), u.d.size(), u.d&dEntropy != 0
	l3s, hash := u.l3[:len(frames)], u.hash[:len(frames)]
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		pkt := pool.Bytes(frames[i])
		if !unmarked(pkt[size:], int(l3s[i])) {
			marked |= 1 << i
		}
		h := (*[wire.IPv6Size + wire.UDPSize]byte)(pkt[l3:])
		length := uint16(len(pkt) - l3 - wire.IPv6Size)
		binary.BigEndian.PutUint16(h[wire.IPv6Length:], length)
		binary.BigEndian.PutUint16(h[wire.IPv6Size+wire.UDPLength:], length)
		if entropy {
			binary.BigEndian.PutUint16(h[wire.IPv6Size+wire.SrcPort:], sourcePort(hash[i]))
		}
	}
	return marked
}

// unmarked reports whether pkt is for certain an IP packet, with its header at l3, that says nothing of congestion.
func unmarked(pkt []byte, l3 int) bool {
	if l3 < wire.EthernetSize || len(pkt) < l3+wire.IPv4Size {
		return false
	}
	// EtherType, version and, of IPv4, header length; type of service.
	w := binary.BigEndian.Uint32(pkt[l3-2:])
	return w&0xfffff003 == wire.TypeIPv4<<16|4<<12 || w&0xfffff030 == wire.TypeIPv6<<16|6<<12
}

// sourcePort returns the UDP source port of packets with a hash.
func sourcePort(hash uint32) uint16 { return uint16(firstPort + uint64(hash)*ports>>32) }

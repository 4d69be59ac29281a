package wire

import "encoding/binary"

// An Upper is what an IP packet carries.
type Upper struct {
	Proto uint8
	Off   int // offset of its header in bytes; it may be the end of what there is of the packet
	// Later: the packet is a fragment other than the first, which has no such header.
	Later bool
}

// UpperOf returns what the IPv4 or, with v6, IPv6 packet with its network header at l3 carries. ok is false when headers
// are cut off before it shows.
func UpperOf(pkt []byte, l3 int, v6 bool) (u Upper, ok bool) {
	if !v6 {
		if len(pkt) < l3+IPv4Size {
			return u, false
		}
		u = Upper{Proto: pkt[l3+IPv4Protocol], Off: l3 + int(pkt[l3]&0x0f)*4}
		u.Later = binary.BigEndian.Uint16(pkt[l3+IPv4Fragment:])&IPv4FragOffset != 0
		return u, u.Off >= l3+IPv4Size && u.Off <= len(pkt)
	}
	if len(pkt) < l3+IPv6Size {
		return u, false
	}
	u = Upper{Proto: pkt[l3+IPv6Next], Off: l3 + IPv6Size}
	for {
		size := 8
		switch u.Proto {
		case ProtoHopOpts, ProtoDstOpts, ProtoRouting, ProtoAH, ProtoFragment:
		default:
			return u, true
		}
		if len(pkt) < u.Off+size {
			return u, false
		}
		switch h := pkt[u.Off:]; u.Proto {
		case ProtoFragment:
			u.Later = u.Later || binary.BigEndian.Uint16(h[2:])&IPv6FragOffset != 0
		case ProtoAH:
			size = (int(h[1]) + 2) * 4
		default:
			size = (int(h[1]) + 1) * 8
		}
		u.Proto = pkt[u.Off]
		if u.Off += size; u.Later || u.Off > len(pkt) {
			return u, u.Later
		}
	}
}

package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// A fragmentHeader is what the headers of an outer fragment say.
type fragmentHeader struct {
	// id is what all fragments of a packet have in common: addresses, protocol, underlay VLAN, and in place of a key
	// the identification (RFC 791 section 3.2, RFC 8200 section 4.5).
	id     end
	tos    uint8
	more   bool   // others follow
	header uint16 // offset of the payload in bytes
	at, n  uint16 // the payload's place in that of the packet, in bytes
}

// readFragment reads the headers of f, an Ethernet frame with an IPv4 or IPv6 fragment in it.
func readFragment(p *frame.Pool, f frame.Frame) (h fragmentHeader, why Reason) {
	if f.Flags()&frame.HasOffload != 0 {
		if o := &p.Meta(f).Offload; o.Csum&frame.NeedsCsum != 0 || o.GSO != frame.GSONone {
			return h, Unfinished
		}
	}
	pkt := p.Bytes(f)
	l3, typ := network(pkt, 0)
	if l3 > wire.EthernetSize {
		h.id.where = uint64(binary.BigEndian.Uint16(pkt[wire.EthernetSize:])&0xfff) << whereVLAN
	}
	var end, at int // of the payload: where it ends in the frame, and where it belongs in the packet
	switch {
	case typ == wire.TypeIPv4 && len(pkt) >= l3+wire.IPv4Size:
		end, at = h.ipv4(pkt, l3)
	case typ == wire.TypeIPv6 && len(pkt) >= l3+wire.IPv6Size+fragmentSize:
		end, at = h.ipv6(pkt, l3)
	}
	n := end - int(h.header)
	switch {
	case h.header == 0 || int(h.header) >= len(pkt) || end > p.Total(f) || n <= 0:
		return h, BadFragment
	case int(h.header)-l3+at+n > 0xffff || h.more && n%fragmentSize != 0:
		return h, BadFragment
	case h.more && n < minFragment:
		return h, FragmentSmall
	}
	h.at, h.n = uint16(at), uint16(n)
	return h, Good
}

// ipv4 reads the IPv4 header at l3. It leaves h.header 0 when the header is wrong.
func (h *fragmentHeader) ipv4(pkt []byte, l3 int) (end, at int) {
	be := binary.BigEndian
	ip := pkt[l3:]
	size := int(ip[0]&0x0f) * 4
	if ip[0]>>4 != 4 || size < wire.IPv4Size || size > len(ip) || wire.Fold(wire.Sum(ip[:size], 0)) != 0xffff {
		return 0, 0
	}
	h.header = uint16(l3 + size)
	h.tos = ip[wire.IPv4TOS]
	h.id.src[1], h.id.dst[1] = uint64(be.Uint32(ip[wire.IPv4Src:])), uint64(be.Uint32(ip[wire.IPv4Dst:]))
	h.id.where |= uint64(be.Uint16(ip[wire.IPv4ID:])) | uint64(ip[wire.IPv4Protocol])<<wherePort
	place := be.Uint16(ip[wire.IPv4Fragment:])
	h.more = place&wire.IPv4MoreFragments != 0
	return l3 + int(be.Uint16(ip[wire.IPv4Length:])), int(place&wire.IPv4FragOffset) * fragmentSize
}

// ipv6 is the same for IPv6. Headers that every fragment has may stand in front of the fragment header.
func (h *fragmentHeader) ipv6(pkt []byte, l3 int) (end, at int) {
	be := binary.BigEndian
	ip := pkt[l3:]
	e := extensions(pkt, l3)
	if ip[0]>>4 != 6 || e.proto != wire.ProtoFragment {
		return 0, 0
	}
	f := pkt[e.end:]
	h.header = uint16(e.end + fragmentSize)
	h.tos = uint8(be.Uint16(ip) >> 4)
	h.id.src = [2]uint64{be.Uint64(ip[wire.IPv6Src:]), be.Uint64(ip[wire.IPv6Src+8:])}
	h.id.dst = [2]uint64{be.Uint64(ip[wire.IPv6Dst:]), be.Uint64(ip[wire.IPv6Dst+8:])}
	h.id.where |= uint64(be.Uint32(f[4:])) | uint64(f[0])<<wherePort | whereV6
	place := be.Uint16(f[2:])
	h.more = place&fragmentMore != 0
	return l3 + wire.IPv6Size + int(be.Uint16(ip[wire.IPv6Length:])), int(place & wire.IPv6FragOffset)
}

// unfragment makes f, the first fragment of a packet, its payload at offset header, the beginning of the whole packet with
// total bytes of payload.
func unfragment(p *frame.Pool, f frame.Frame, header, total int) frame.Frame {
	be := binary.BigEndian
	pkt := p.Bytes(f)
	l3, typ := network(pkt, 0)
	ip := pkt[l3:]
	if typ == wire.TypeIPv4 {
		h := ip[:header-l3]
		be.PutUint16(h[wire.IPv4Length:], uint16(len(h)+total))
		be.PutUint16(h[wire.IPv4Fragment:], 0)
		be.PutUint16(h[wire.IPv4Checksum:], 0)
		be.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
		return f
	}
	e := extensions(pkt, l3)
	pkt[e.named] = pkt[e.end]
	be.PutUint16(ip[wire.IPv6Length:], uint16(e.end-l3-wire.IPv6Size+total))
	copy(pkt[fragmentSize:], pkt[:e.end])
	p.Trim(&f, fragmentSize)
	return f
}

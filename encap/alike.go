package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// Bits of the words of a familiar outer header over IPv4, as they stand in memory, that are the same in all packets with it.
const (
	alikeIP    = plainFragment | 0xffff   // version, header length, type of service, fragment; not length and identification
	alikeProto = 0xffffffff<<32 | 0xff<<8 // protocol, source; not TTL and checksum
	alikeUDP   = 0xffff<<48 | 0xffffffff  // destination, UDP destination port; not the source port
	alikeKey   = ^uint64(0xffff)          // UDP checksum, first half of the tunnel's header; not the length

	alikeMAC = 1<<48 - 1 // destination, of the first eight bytes of the frame

	// The last eight bytes in front of the IP header.
	alikeEther = 0xffff << 48                         // EtherType
	alikeTag   = 0xffff<<48 | 0xff0f<<32 | 0xffff<<16 // the same, VLAN identifier, EtherType of a tag
)

// meetAlike takes the whole batch out of its tunnel if its packets came over IPv4 and all have the same familiar header, as
// those between two hosts have. The header of the first is looked for; the others are compared with the first, which
// takes fewer instructions than to look for each, and none to tell which of them is which.
//
// It reports false, and has done nothing, when one differs.
func (x *Popper) meetAlike() bool {
	pool, frames := x.pool, x.frames
	if len(frames) == 0 {
		return false
	}
	m, ok := x.meetFirst(pool.Bytes(frames[0]))
	if !ok {
		return false
	}
	inner := int(m.inner)
	l3 := inner - familiarOuter4
	ether := uint64(alikeEther)
	if l3 != wire.EthernetSize {
		ether = alikeTag
	}
	le := binary.LittleEndian
	mac := le.Uint64(pool.Bytes(frames[0]))
	first := (*[8 + familiarOuter4]byte)(pool.Bytes(frames[0])[l3-8:])
	v0, v1, v2, v3, v4, v5 := le.Uint64(first[:]), le.Uint64(first[8:]), le.Uint64(first[16:]), le.Uint64(first[24:]), le.Uint64(first[32:]), le.Uint32(first[40:])
	for _, f := range frames {
		pkt := pool.Bytes(f)
		if !f.Plain() || len(pkt) < inner+wire.EthernetSize || pool.Headroom(f)+inner < frame.TunnelRoom {
			return false
		}
		h := (*[8 + familiarOuter4]byte)(pkt[l3-8:])
		w0, w1, w2, w3 := le.Uint64(h[8:]), le.Uint64(h[16:]), le.Uint64(h[24:]), le.Uint64(h[32:])
		d := (le.Uint64(h[:])^v0)&ether | (w0^v1)&alikeIP | (w1^v2)&alikeProto | (w2^v3)&alikeUDP | (w3^v4)&alikeKey
		d |= uint64(le.Uint32(h[40:]) ^ v5)
		d |= (le.Uint64(pkt) ^ mac) & alikeMAC
		// Lengths are those of the frame.
		size := uint16(len(pkt) - l3)
		d |= uint64(uint16(w0>>16)^bits.ReverseBytes16(size)) | uint64(uint16(w3)^bits.ReverseBytes16(size-wire.IPv4Size))
		if d != 0 || !sums(w0, w1, w2&0xffffffff) {
			return false
		}
	}
	x.takeAlike(m)
	return true
}

// meetFirst looks for the familiar header over IPv4 that the first packet of a batch has.
func (x *Popper) meetFirst(pkt []byte) (m meeting, ok bool) {
	if len(pkt) < wire.EthernetSize+wire.VLANTagSize+familiarOuter4 {
		return m, false
	}
	l3, ether, place := front(pkt)
	if ether != wire.TypeIPv4 {
		return m, false
	}
	m.inner = uint8(l3 + familiarOuter4)
	m.k, ok = x.meet4((*[familiarOuter4]byte)(pkt[l3:]), len(pkt)-l3, place, macOf(pkt))
	return m, ok
}

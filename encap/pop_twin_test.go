package encap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/encap/wire"
)

// A slowPopper does what a Popper does, one packet and one field after the other. It does not say which fragments may be for a
// tunnel.
type slowPopper struct {
	mine []Address
	list []Tunnel

	// Of the packet at hand; offsets in bytes from its start.
	pkt      []byte
	from, to netip.Addr
	vlan     uint16
	tos      uint8
	proto    uint8
	l3, l4   int
	end      int // of the outer packet
	inner    int
	tunnel   *Tunnel
	got      popped
}

// pop returns what becomes of a packet, which is in one buffer and complete.
func (s *slowPopper) pop(pkt []byte) popped {
	*s = slowPopper{mine: s.mine, list: s.list, pkt: pkt}
	ours, why := s.outer()
	if !ours {
		return popped{inner: pkt}
	}
	for _, check := range []func() Reason{s.open, s.whole, s.sums, s.congestion} {
		if why == Good {
			why = check()
		}
	}
	if why != Good {
		return popped{inner: pkt, why: why}
	}
	be, b := binary.BigEndian, &s.got.block
	b[MetaTOS] = s.tos
	if s.to.Is4() {
		copy(b[MetaSrc:], s.from.AsSlice())
		copy(b[MetaDst:], s.to.AsSlice())
	} else {
		copy(b[MetaSrc6:], s.from.AsSlice())
		copy(b[MetaDst6:], s.to.AsSlice())
	}
	if s.tunnel.Type == NVGRE {
		be.PutUint64(b[MetaKey:], be.Uint64(b[MetaKey:])>>8)
	}
	s.got.port, s.got.inner = s.tunnel.Port, s.pkt[s.inner:s.end]
	return s.got
}

// outer reads the outer headers up to the key, and looks for the tunnel.
func (s *slowPopper) outer() (ours bool, why Reason) {
	be := binary.BigEndian
	if len(s.pkt) < 42 {
		return false, Good
	}
	s.l3 = 14
	if be.Uint16(s.pkt[12:]) == wire.TypeVLAN {
		s.l3, s.vlan = 18, be.Uint16(s.pkt[14:])&0xfff
	}
	switch be.Uint16(s.pkt[s.l3-2:]) {
	case wire.TypeIPv4:
		ours = s.ipv4()
	case wire.TypeIPv6:
		ours, why = s.ipv6()
	}
	if !ours {
		return false, Good
	}
	switch bad := Good; s.proto {
	case wire.ProtoUDP:
		ours, bad = s.udp()
		if why == Good {
			why = bad
		}
	case wire.ProtoGRE:
		ours, bad = s.gre()
		if why == Good {
			why = bad
		}
	default:
		return false, Good
	}
	return ours, why
}

func (s *slowPopper) ipv4() bool {
	h := s.pkt[s.l3:]
	if len(h) < 20 || h[0]>>4 != 4 || h[0]&15 < 5 {
		return false
	}
	s.tos, s.proto = h[1], h[9]
	s.l4, s.end = s.l3+int(h[0]&15)*4, s.l3+int(binary.BigEndian.Uint16(h[2:]))
	s.from, s.to = netip.AddrFrom4([4]byte(h[12:])), netip.AddrFrom4([4]byte(h[16:]))
	return binary.BigEndian.Uint16(h[6:])&0x3fff == 0 // no fragment
}

func (s *slowPopper) ipv6() (ours bool, why Reason) {
	h := s.pkt[s.l3:]
	if len(h) < 48 || h[0]>>4 != 6 {
		return false, Good
	}
	s.tos, s.proto = h[0]<<4|h[1]>>4, h[6]
	s.l4, s.end = s.l3+40, s.l3+40+int(binary.BigEndian.Uint16(h[4:]))
	s.from, s.to = netip.AddrFrom16([16]byte(h[8:])), netip.AddrFrom16([16]byte(h[24:]))
	for s.proto == wire.ProtoHopOpts || s.proto == wire.ProtoDstOpts || s.proto == wire.ProtoRouting {
		next := s.l4 + 8 + 8*int(s.pkt[s.l4+1])
		if next > s.l3+40+128 || next+8 > len(s.pkt) {
			return false, Good
		}
		e := s.pkt[s.l4:next]
		if s.proto == wire.ProtoRouting && e[3] != 0 || s.proto != wire.ProtoRouting && !slowOptions(e[2:]) {
			why = BadExtension
		}
		s.proto, s.l4 = e[0], next
	}
	return true, why
}

// slowOptions reports whether options of IPv6 add up, and may all be passed over by who does not know them.
func slowOptions(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] == 0 {
			continue
		}
		if b[i]>>6 != 0 || i+1 == len(b) {
			return false
		}
		i += 1 + int(b[i+1])
		if i >= len(b) {
			return false
		}
	}
	return true
}

func (s *slowPopper) udp() (ours bool, why Reason) {
	be := binary.BigEndian
	if len(s.pkt) < s.l4+8 {
		return false, Good
	}
	h := s.pkt[s.l4:]
	port := be.Uint16(h[2:])
	at := slices.IndexFunc(s.list, func(t Tunnel) bool { return t.Type.UDP() && t.port() == port })
	if at < 0 {
		return false, Good
	}
	typ, end := s.list[at].Type, s.l4+int(be.Uint16(h[4:]))
	if len(h) < 16 || end > s.end || s.end > len(s.pkt) {
		return s.expected(typ, port), BadLength
	}
	s.end = end
	return s.find(typ, port, be.Uint32(h[12:])>>8), Good
}

func (s *slowPopper) gre() (ours bool, why Reason) {
	be := binary.BigEndian
	if len(s.pkt) < s.l4+4 {
		return false, Good
	}
	h := s.pkt[s.l4:]
	flags, typ := be.Uint16(h), GRE
	switch be.Uint16(h[2:]) {
	case wire.TypeTEB:
	case 0x88be, 0x22eb:
		typ = ERSPAN
	default:
		return false, Good
	}
	if flags&0x4fff != 0 {
		return s.expected(typ, 0), BadHeader
	}
	key := 4
	s.inner = s.l4 + 4
	for _, bit := range []uint16{0x8000, 0x2000, 0x1000} {
		if flags&bit != 0 {
			s.inner += 4
		}
	}
	if flags&0x8000 != 0 {
		key += 4
	}
	if s.inner > min(len(s.pkt), s.end) || s.end > len(s.pkt) {
		return s.expected(typ, 0), BadLength
	}
	switch {
	case typ == ERSPAN:
		return s.erspan(flags, be.Uint16(h[2:]))
	case flags&0x2000 != 0:
		return s.find(GRE, 0, be.Uint32(h[key:])), Good
	}
	return s.find(GRE, 0, 0), Good
}

func (s *slowPopper) erspan(flags, proto uint16) (ours bool, why Reason) {
	be := binary.BigEndian
	size, version := 8, uint32(1)
	switch {
	case proto == 0x22eb:
		size, version = 12, 2
	case flags == 0:
		return s.find(ERSPAN, 0, 0), Good
	}
	if s.inner+size > min(len(s.pkt), s.end) {
		return s.expected(ERSPAN, 0), BadLength
	}
	h := s.pkt[s.inner:]
	s.inner += size
	first := be.Uint32(h)
	if first>>28 != version {
		return s.expected(ERSPAN, 0), BadHeader
	}
	if !s.find(ERSPAN, 0, first&0x3ff) {
		return false, Good
	}
	said := version << 8
	if version == 1 {
		said |= be.Uint32(h[4:]) & 0xfffff << 12
	} else {
		said |= uint32(h[11]>>4|h[10]&3<<4)<<2 | uint32(h[11]>>3&1)<<1
	}
	be.PutUint32(s.got.block[MetaBits:], said)
	if flags&^0x1000 != 0 {
		return true, BadHeader
	}
	return true, Good
}

// at returns where the packet is sent to.
func (s *slowPopper) at() Address { return Address{s.to, s.vlan, [6]byte(s.pkt)} }

// find looks for the tunnel of the packet.
func (s *slowPopper) find(typ Type, port uint16, word uint32) bool {
	n := slowFind(s.mine, s.list, s.from, s.at(), typ, port, word)
	for i := range s.list {
		if s.list[i].Port == n {
			s.tunnel = &s.list[i]
		}
	}
	binary.BigEndian.PutUint64(s.got.block[MetaKey:], uint64(word))
	return s.tunnel != nil
}

// expected reports whether there is a tunnel here for packets whose key is unknown.
func (s *slowPopper) expected(typ Type, port uint16) bool {
	return slices.Contains(s.mine, s.at()) && slices.ContainsFunc(s.list, func(t Tunnel) bool {
		class := t.Type
		if class == NVGRE {
			class = GRE
		}
		return class == typ && (!typ.UDP() || t.port() == port) && (!t.Local.IsValid() || t.Local == s.to)
	})
}

// open reads the header of the tunnel's type.
func (s *slowPopper) open() Reason {
	be := binary.BigEndian
	h := s.pkt[min(s.l4+8, s.end):s.end] // of those behind UDP
	switch s.tunnel.Type {
	case VXLAN:
		s.inner = s.l4 + 16
		if len(h) < 8 {
			return BadLength
		}
		flags := be.Uint32(h)
		switch {
		case s.tunnel.GPE && flags&0x04000000 != 0:
			if flags&0x31000000 != 0 || h[3] != 3 {
				return BadHeader
			}
			flags &^= 0x060000ff
		case s.tunnel.GBP && flags&0x80000000 != 0:
			copy(s.got.block[MetaGBP:], []byte{h[2], h[3], h[1]})
			flags &^= 0x8048ffff
		}
		if flags != 0x08000000 || h[7] != 0 {
			return BadHeader
		}
	case Geneve:
		if len(h) < 8 {
			return BadLength
		}
		if h[0]>>6 != 0 || be.Uint16(h[2:]) != wire.TypeTEB {
			return BadHeader
		}
		size := int(h[0]) * 4
		if len(h) < 8+size {
			return BadOptions
		}
		s.inner = s.l4 + 16 + size
		be.PutUint32(s.got.block[MetaBits:], uint32(h[1]>>7))
		if size > 0 {
			s.got.options = h[8 : 8+size]
		}
		for at := 0; at < size; at += 4 + int(s.got.options[at+3]&31)*4 {
			if at+4+int(s.got.options[at+3]&31)*4 > size {
				return BadOptions
			}
		}
	case NVGRE:
		if be.Uint16(s.pkt[s.l4:]) != 0x2000 {
			return BadHeader
		}
		if len(s.pkt) >= s.inner+14 {
			if typ := be.Uint16(s.pkt[s.inner+12:]); typ == wire.TypeVLAN || typ == wire.TypeSVLAN {
				return BadHeader
			}
		}
	}
	return Good
}

// whole reports whether there is an Ethernet header inside.
func (s *slowPopper) whole() Reason {
	if s.inner+14 > s.end {
		return BadLength
	}
	return Good
}

// sums looks at the checksums.
func (s *slowPopper) sums() Reason {
	if s.to.Is4() && wire.Checksum(s.pkt[s.l3:s.l4]) != 0 {
		return BadIPChecksum
	}
	rest := s.pkt[s.l4:s.end]
	switch {
	case s.proto == wire.ProtoGRE:
		if rest[0]&0x80 != 0 && wire.Checksum(rest) != 0 {
			return BadGREChecksum
		}
	case rest[6]|rest[7] != 0:
		if wire.Fold(wire.Sum(rest, s.pseudo())) != 0xffff {
			return BadUDPChecksum
		}
	case s.to.Is6() && !s.tunnel.ZeroChecksum6:
		return NoUDPChecksum
	}
	return Good
}

// pseudo returns the sum of UDP's pseudo-header.
func (s *slowPopper) pseudo() uint32 {
	if s.to.Is4() {
		return wire.PseudoIPv4(s.pkt[s.l3:], wire.ProtoUDP, s.end-s.l4)
	}
	return wire.PseudoIPv6(s.pkt[s.l3:], wire.ProtoUDP, s.end-s.l4)
}

// congestion takes the outer mark over (RFC 6040 section 4.2).
func (s *slowPopper) congestion() Reason {
	l3, _ := network(s.pkt, s.inner)
	tos, _, ok := tosOf(s.pkt, l3)
	if !ok {
		return Good
	}
	switch {
	case s.tos&3 == ce && tos&3 == notECT:
		return ECNLost
	case s.tos&3 == ce, s.tos&3 == ect1 && tos&3 == ect0:
		s.pkt = bytes.Clone(s.pkt)
		wire.SetTOS(s.pkt, l3, s.tos&3, 3)
	}
	return Good
}

package wire

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/ring/frame"
)

// Payload returns the offset of what lies behind the Ethernet header of pkt and at most tags VLAN tags.
// pkt has a whole Ethernet header.
func Payload(pkt []byte, tags int) (at int) {
	at = EthernetSize
	for ; tags > 0 && len(pkt) >= at+VLANTagSize; tags-- {
		if typ := binary.BigEndian.Uint16(pkt[at-2:]); typ != TypeVLAN && typ != TypeSVLAN {
			break
		}
		at += VLANTagSize
	}
	return at
}

// HasMPLS reports whether a whole MPLS label stack entry (RFC 3032) starts at offset at of pkt, the end of
// its EtherType.
func HasMPLS(pkt []byte, at int) bool {
	if at < EthernetSize || len(pkt) < at+MPLSSize {
		return false
	}
	typ := binary.BigEndian.Uint16(pkt[at-2:])
	return typ == TypeMPLS || typ == TypeMPLSM
}

// PushMPLS puts a label stack entry, in the host's byte order, into f at offset at, the end of its
// EtherType, which becomes typ. Headers behind it keep their bytes; their offsets grow by MPLSSize. It
// reports false, and leaves f as it is, when there is no headroom or f ends before at.
func PushMPLS(p *frame.Pool, f *frame.Frame, at int, typ uint16, entry uint32) bool {
	if at < EthernetSize || f.Len() < at || !p.Prepend(f, MPLSSize) {
		return false
	}
	pkt := p.Bytes(*f)
	copy(pkt[:at], pkt[MPLSSize:])
	binary.BigEndian.PutUint16(pkt[at-2:], typ)
	binary.BigEndian.PutUint32(pkt[at:], entry)
	lengthen(pkt[:at], MPLSSize)
	moveOffload(p, *f, MPLSSize)
	return true
}

// PopMPLS takes the label stack entry at offset at out of f and makes typ its EtherType. It reports
// false, and leaves f as it is, when there is none.
func PopMPLS(p *frame.Pool, f *frame.Frame, at int, typ uint16) bool {
	pkt := p.Bytes(*f)
	if !HasMPLS(pkt, at) {
		return false
	}
	binary.BigEndian.PutUint16(pkt[at-2:], typ)
	lengthen(pkt[:at], -MPLSSize)
	copy(pkt[MPLSSize:], pkt[:at])
	moveOffload(p, *f, -MPLSSize)
	return p.Trim(f, MPLSSize)
}

// lengthen adds n to the length in the 802.3 header that link, the bytes before the network header, has
// in front of its SNAP header (IEEE 802.3, 3.2.6). Without a SNAP header there is none.
func lengthen(link []byte, n int) {
	for at := EthType; at+2+SNAPSize <= len(link); at += VLANTagSize {
		typ := binary.BigEndian.Uint16(link[at:])
		if typ != TypeVLAN && typ != TypeSVLAN {
			if typ < MinType {
				binary.BigEndian.PutUint16(link[at:], uint16(int(typ)+n))
			}
			return
		}
	}
}

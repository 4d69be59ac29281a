// Package icmp builds the messages by which hosts and routers tell senders why a packet got no further.
//
// Sources: RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 5.2.7, RFC 4443 section 3.
package icmp

import (
	"encoding/binary"
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// An Error is an error message, by type and code of ICMP and of ICMPv6.
type Error struct {
	Type, Code   byte
	Type6, Code6 byte
	Arg, Arg6    uint32 // the word behind the checksum
}

// Errors.
var (
	NoRoute    = Error{Type: 3, Code: 0, Type6: 1, Code6: 0}
	NoHost     = Error{Type: 3, Code: 1, Type6: 1, Code6: 3}
	NoProtocol = Error{Type: 3, Code: 2, Type6: 4, Code6: 1, Arg6: wire.IPv6Next} // points at the protocol's number
	NoPort     = Error{Type: 3, Code: 3, Type6: 1, Code6: 4}
	Expired    = Error{Type: 11, Code: 0, Type6: 3, Code6: 0}
)

// TooBig says how many bytes of an IP packet get through (RFC 1191 section 4, RFC 4443 section 3.2).
func TooBig(mtu int) Error {
	return Error{Type: 3, Code: 4, Type6: 2, Code6: 0, Arg: uint32(mtu), Arg6: uint32(mtu)}
}

// What an error message quotes at most of the packet it is about: so much that it is not longer than 576
// bytes (RFC 1812 section 4.3.2.3), and the least MTU of IPv6 (RFC 4443 section 2.4).
const (
	quote4 = 576 - wire.IPv4Size - wire.ICMPSize
	quote6 = 1280 - wire.IPv6Size - wire.ICMPSize
)

// Packet returns the message as an Ethernet frame without a tag. about is the packet it is about, from its IP header
// to its end; from and to are of its family.
func (e Error) Packet(dstMAC, srcMAC [6]byte, from, to netip.Addr, about []byte) []byte {
	typ, code, arg, proto, most, header := e.Type, e.Code, e.Arg, byte(wire.ProtoICMP), quote4, wire.IPv4Size
	if from.Is6() {
		typ, code, arg, proto, most, header = e.Type6, e.Code6, e.Arg6, wire.ProtoICMPv6, quote6, wire.IPv6Size
	}
	about = about[:min(len(about), most)]
	b := wire.NewIP(dstMAC, srcMAC, from, to, proto, wire.ICMPSize+len(about))
	m := b[wire.EthernetSize+header:]
	m[wire.ICMPType], m[wire.ICMPCode] = typ, code
	binary.BigEndian.PutUint32(m[wire.ICMPSize-4:], arg)
	copy(m[wire.ICMPSize:], about)
	wire.SumICMP(b)
	return b
}

// Answerable reports whether an error message may answer a message of ICMP, or with v6 of ICMPv6, of a type: not
// where that is an error itself (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4).
func Answerable(v6 bool, typ byte) bool {
	if v6 {
		return typ >= 128
	}
	return typ == 0 || typ == 8 || typ == 13 || typ == 14 // echo and timestamp
}

// Unicast reports whether addr may be that of one host on a network: whom an error message may go to (RFC 1812 section
// 4.3.2.7, RFC 4443 section 2.4).
func Unicast(addr netip.Addr) bool {
	return addr.IsValid() && !addr.Is4In6() && addr.Zone() == "" && (addr.IsGlobalUnicast() || addr.Is6() && addr.IsLinkLocalUnicast()) &&
		!(addr.Is4() && addr.As4()[0] >= 240)
}

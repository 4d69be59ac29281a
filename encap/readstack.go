package encap

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// ErrStack is returned for words that are no header stack.
var ErrStack = errors.New("these words are no header stack")

// StackSize returns the bytes of the header stack in words; ok is false when they are none. It is for who takes words
// from outside: a Pusher trusts them.
func StackSize(words []uint64) (size int, ok bool) {
	o, err := ReadStack(words)
	if err != nil {
		return 0, false
	}
	return o.Size(), true
}

// ReadStack returns the Outer that AppendStack has made words of. It accepts exactly what AppendStack makes; the type's
// default port stands in DstPort.
func ReadStack(words []uint64) (Outer, error) {
	b, err := stackBytes(words)
	if err != nil {
		return Outer{}, err
	}
	d := descriptor(words[0])
	o, ok := readHeaders(b, d)
	if !ok {
		return Outer{}, ErrStack
	}
	again, err := AppendStack(make([]uint64, 0, MaxWords), &o)
	if err != nil {
		return Outer{}, errors.Join(ErrStack, err)
	}
	if len(again) != len(words) {
		return Outer{}, ErrStack
	}
	for i, w := range again {
		if words[i] != w {
			return Outer{}, ErrStack
		}
	}
	return o, nil
}

// stackBytes returns the bytes of a stack; an error when their number does not fit the words.
func stackBytes(words []uint64) ([]byte, error) {
	if len(words) < 2 || len(words) > MaxWords {
		return nil, ErrStack
	}
	size := descriptor(words[0]).size()
	if size < wire.EthernetSize+wire.IPv4Size || 1+(size+7)/8 != len(words) {
		return nil, ErrStack
	}
	b := make([]byte, size)
	writeStack(b, words[1:])
	return b, nil
}

// readHeaders is the inverse of what AppendStack does with an Outer that has been checked. What it does not look at,
// ReadStack finds out by comparing.
func readHeaders(b []byte, d descriptor) (o Outer, ok bool) {
	copy(o.DstMAC[:], b[wire.EthDst:])
	copy(o.SrcMAC[:], b[wire.EthSrc:])
	l3 := wire.EthernetSize
	if binary.BigEndian.Uint16(b[wire.EthType:]) == wire.TypeVLAN {
		o.VLAN = binary.BigEndian.Uint16(b[wire.EthernetSize:])
		l3 += wire.VLANTagSize
	}
	l4 := d.l4()
	if d.l3() != l3 || len(b) < l4+4 {
		return o, false
	}
	proto := uint8(0)
	if h := b[l3:]; d&dV6 != 0 {
		first := binary.BigEndian.Uint32(h)
		o.TOS, o.Label = uint8(first>>20), first&maxLabel
		proto, o.TTL = h[wire.IPv6Next], h[wire.IPv6HopLimit]
		o.Src, o.Dst = netip.AddrFrom16([16]byte(h[wire.IPv6Src:])), netip.AddrFrom16([16]byte(h[wire.IPv6Dst:]))
	} else {
		o.TOS, proto, o.TTL = h[wire.IPv4TOS], h[wire.IPv4Protocol], h[wire.IPv4TTL]
		o.DontFragment = d&dID == 0
		o.Src, o.Dst = netip.AddrFrom4([4]byte(h[wire.IPv4Src:])), netip.AddrFrom4([4]byte(h[wire.IPv4Dst:]))
	}
	o.InheritTOS, o.InheritTTL, o.Checksum = d&dInheritTOS != 0, d&dInheritTTL != 0, d&dSum != 0
	return o, o.readTunnel(b[l4:], proto, d)
}

// readTunnel reads what is behind the IP header.
func (o *Outer) readTunnel(b []byte, proto uint8, d descriptor) bool {
	o.Counter = uint16(d.counter())
	if proto == wire.ProtoUDP && len(b) > wire.UDPSize {
		o.SrcPort, o.DstPort = binary.BigEndian.Uint16(b[wire.SrcPort:]), binary.BigEndian.Uint16(b[wire.DstPort:])
		b = b[wire.UDPSize:]
	}
	o.Type = d.typ()
	return o.Type != NoType && o.Type < NumTypes && kinds[o.Type].proto == proto && kinds[o.Type].read(b, d, o)
}

package encap

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// MaxWords is the most words of a header stack.
const MaxWords = 1 + (MaxStack+7)/8

// ErrStack is returned for words that are no header stack.
var ErrStack = errors.New("these words are no header stack")

// AppendStack appends the header stack of o to words, as the operand of an action, and returns it: a word for the
// Pusher, then the bytes, eight to a word with the first in the least significant place. Where the number of bytes is
// no multiple of 8, the first word overlaps the second: it has bytes 0 to 7, the others the last multiple of 8.
//
// Equal Outers make equal words. Lengths, checksums and what else depends on the packet are 0, except that the IPv4
// checksum is that of the header as it stands.
func AppendStack(words []uint64, o *Outer) ([]uint64, error) {
	if err := o.Check(); err != nil {
		return words, err
	}
	var buf [MaxStack]byte
	var d descriptor
	d.setType(o.Type)
	b := appendLink(buf[:0], o)
	d.setL3(len(b))
	b = appendNetwork(b, o, &d)
	b = appendTransport(b, o, &d)
	b = kinds[o.Type].build(b, o, &d)
	d.setSize(len(b))
	words = append(words, uint64(d), binary.LittleEndian.Uint64(b))
	for b = b[(len(b)-1)%8+1:]; len(b) > 0; b = b[8:] {
		words = append(words, binary.LittleEndian.Uint64(b))
	}
	return words, nil
}

// appendLink appends the Ethernet header.
func appendLink(b []byte, o *Outer) []byte {
	b = append(b, o.DstMAC[:]...)
	b = append(b, o.SrcMAC[:]...)
	if o.VLAN != 0 {
		b = binary.BigEndian.AppendUint16(b, wire.TypeVLAN)
		b = binary.BigEndian.AppendUint16(b, o.VLAN)
	}
	if o.Src.Is4() {
		return binary.BigEndian.AppendUint16(b, wire.TypeIPv4)
	}
	return binary.BigEndian.AppendUint16(b, wire.TypeIPv6)
}

// appendNetwork appends the IP header.
func appendNetwork(b []byte, o *Outer, d *descriptor) []byte {
	if o.InheritTOS {
		*d |= dInheritTOS
	}
	if o.InheritTTL {
		*d |= dInheritTTL
	}
	proto := kinds[o.Type].proto
	if !o.Src.Is4() {
		*d |= dV6
		b = binary.BigEndian.AppendUint32(b, 6<<28|uint32(o.TOS)<<20|o.Label)
		b = append(b, 0, 0, proto, o.TTL)
		b = append(b, o.Src.AsSlice()...)
		return append(b, o.Dst.AsSlice()...)
	}
	at := len(b)
	b = append(b, 0x45, o.TOS, 0, 0, 0, 0, 0, 0, o.TTL, proto, 0, 0)
	b = append(b, o.Src.AsSlice()...)
	b = append(b, o.Dst.AsSlice()...)
	h := b[at:]
	if o.DontFragment {
		h[wire.IPv4Fragment] = wire.IPv4DontFragment >> 8
	} else {
		*d |= dID
	}
	binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
	return b
}

// appendTransport appends the UDP header, if o has one.
func appendTransport(b []byte, o *Outer, d *descriptor) []byte {
	if o.Checksum {
		*d |= dSum
	}
	if !o.Type.UDP() {
		return b
	}
	*d |= dUDP
	if o.SrcPort == 0 {
		*d |= dEntropy
	}
	dst := o.DstPort
	if dst == 0 {
		dst = o.Type.Port()
	}
	b = binary.BigEndian.AppendUint16(b, o.SrcPort)
	b = binary.BigEndian.AppendUint16(b, dst)
	return append(b, 0, 0, 0, 0)
}

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

// writeStack writes the bytes of words to b, which has as many.
func writeStack(b []byte, words []uint64) {
	binary.LittleEndian.PutUint64(b, words[0])
	b = b[(len(b)-1)%8+1:]
	for _, w := range words[1:] {
		binary.LittleEndian.PutUint64(b, w)
		b = b[8:]
	}
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
	return o.Type != NoType && o.Type < numTypes && kinds[o.Type].proto == proto && kinds[o.Type].read(b, d, o)
}

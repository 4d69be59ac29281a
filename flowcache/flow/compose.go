package flow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
)

var _ = [1]struct{}{}[Version-3]

// minFrame is the length of the shortest Ethernet frame, without its check sequence.
const minFrame = 60 // bytes

// Compose returns a packet that k could be the key of: what k says of its headers, zeros where it says nothing, and
// transport checksums of zero. What is beside the packet, such as a tunnel's headers or registers, is not in it.
func (k *Key) Compose() []byte {
	p := append(append([]byte{}, k.Bytes(FieldEthDst)...), k.Bytes(FieldEthSrc)...)
	p = appendTag(p, k.Uint(FieldVLANTPID), k.Uint(FieldVLANTCI))
	p = appendTag(p, k.Uint(FieldVLANTPID1), k.Uint(FieldVLANTCI1))
	typ := uint16(k.Uint(FieldEthType))
	if typ < wire.MinType { // an 802.3 frame: its length, and an LLC header of spanning tree's
		p = append(p, 0, 38, 0x42, 0x42, 3)
	} else {
		p = binary.BigEndian.AppendUint16(p, typ)
	}
	switch typ {
	case wire.TypeIPv4:
		p = k.appendIPv4(p)
	case wire.TypeIPv6:
		p = k.appendIPv6(p)
	case wire.TypeARP, wire.TypeRARP:
		p = k.appendARP(p)
	case wire.TypeMPLS, wire.TypeMPLSM:
		p = k.appendMPLS(p)
	}
	if missing := minFrame - len(p); missing > 0 {
		p = append(p, make([]byte, missing)...)
	}
	return p
}

// appendTag appends a VLAN tag, if there is one; it has the customer's type unless another is given.
func appendTag(p []byte, tpid, tci uint64) []byte {
	if tci&VLANPresent == 0 {
		return p
	}
	if tpid == 0 {
		tpid = wire.TypeVLAN
	}
	p = binary.BigEndian.AppendUint16(p, uint16(tpid))
	return binary.BigEndian.AppendUint16(p, uint16(tci)&^VLANPresent)
}

func (k *Key) appendIPv4(p []byte) []byte {
	load := k.transport()
	h := make([]byte, wire.IPv4Size)
	h[0] = 0x45
	h[wire.IPv4TOS] = k[Base][OffIPTOS]
	binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(len(h)+len(load)))
	switch frag := k.Uint(FieldIPFrag); {
	case frag&FragLater != 0:
		binary.BigEndian.PutUint16(h[wire.IPv4Fragment:], 100)
	case frag&FragAny != 0:
		binary.BigEndian.PutUint16(h[wire.IPv4Fragment:], wire.IPv4MoreFragments)
	}
	h[wire.IPv4TTL], h[wire.IPv4Protocol] = byte(k.Uint(FieldIPTTL)), byte(k.Uint(FieldIPProto))
	copy(h[wire.IPv4Src:], k.Bytes(FieldIPSrc))
	copy(h[wire.IPv4Dst:], k.Bytes(FieldIPDst))
	binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
	return append(append(p, h...), load...)
}

func (k *Key) appendIPv6(p []byte) []byte {
	load := k.transport()
	proto := byte(k.Uint(FieldIPProto))
	if frag := k[Base][OffIPFrag]; frag != 0 {
		off := uint16(0)
		switch {
		case frag&FragLater != 0:
			off = 100 << 3
		case frag&FragAny != 0:
			off = 1 // more to come
		}
		load = append([]byte{proto, 0, byte(off >> 8), byte(off), 0, 0, 0, 0}, load...)
		proto = wire.ProtoFragment
	}
	h := make([]byte, wire.IPv6Size)
	binary.BigEndian.PutUint32(h, 6<<28|uint32(k[Base][OffIPTOS])<<20|uint32(k.Uint(FieldIPv6Label)))
	binary.BigEndian.PutUint16(h[wire.IPv6Length:], uint16(len(load)))
	h[wire.IPv6Next], h[wire.IPv6HopLimit] = proto, byte(k.Uint(FieldIPTTL))
	copy(h[wire.IPv6Src:], k.Bytes(FieldIPv6Src))
	copy(h[wire.IPv6Dst:], k.Bytes(FieldIPv6Dst))
	return append(append(p, h...), load...)
}

// transport returns what the IP header carries.
func (k *Key) transport() []byte {
	if k.Uint(FieldIPFrag)&FragLater != 0 {
		return make([]byte, wire.UDPSize)
	}
	ports := append(append([]byte{}, k.Bytes(FieldTCPSrc)...), k.Bytes(FieldTCPDst)...)
	h := make([]byte, wire.TCPSize)
	switch {
	case NeedTCP.Met(k, nil):
		copy(h, ports)
		binary.BigEndian.PutUint16(h[wire.TCPDataOff:], uint16(wire.TCPSize/4)<<12|uint16(k.Uint(FieldTCPFlags)))
		return h
	case NeedUDP.Met(k, nil):
		copy(h, ports)
		h[wire.UDPLength+1] = wire.UDPSize
		return h[:wire.UDPSize]
	case NeedSCTP.Met(k, nil):
		copy(h, ports)
		return h[:wire.SCTPSize]
	case NeedICMP.Met(k, nil):
		h[0], h[1] = byte(k.Uint(FieldICMPType)), byte(k.Uint(FieldICMPCode))
		return h[:wire.ICMPSize]
	case NeedICMPv6.Met(k, nil):
		return k.icmpv6()
	}
	return h
}

// icmpv6 returns an ICMPv6 message; of neighbour discovery with the options that k has.
func (k *Key) icmpv6() []byte {
	h := make([]byte, wire.ICMPSize)
	h[0], h[1] = byte(k.Uint(FieldICMPv6Type)), byte(k.Uint(FieldICMPv6Code))
	if !NeedND.Met(k, nil) {
		return h
	}
	h = append(h, k.Bytes(FieldNDTarget)...)
	for _, o := range [...]struct {
		field FieldID
		typ   byte
	}{{FieldNDSLL, wire.NDOptSourceLink}, {FieldNDTLL, wire.NDOptTargetLink}} {
		if mac := k.Bytes(o.field); o.field.Info().Need.Met(k, nil) && anyBit(mac) {
			h = append(append(h, o.typ, 1), mac...)
		}
	}
	return h
}

func (k *Key) appendARP(p []byte) []byte {
	p = append(p, 0, 1, 8, 0, 6, 4, 0, byte(k.Uint(FieldARPOp)))
	for _, f := range [...]FieldID{FieldARPSHA, FieldARPSPA, FieldARPTHA, FieldARPTPA} {
		p = append(p, k.Bytes(f)...)
	}
	return p
}

// appendMPLS appends as many labels as there are to the one that is the stack's bottom.
func (k *Key) appendMPLS(p []byte) []byte {
	const bottom = 1 << 8
	for off := OffMPLS0; off <= OffMPLS2; off += wire.MPLSSize {
		entry := k[Label][off : off+wire.MPLSSize]
		p = append(p, entry...)
		if binary.BigEndian.Uint32(entry)&bottom != 0 {
			break
		}
	}
	return p
}

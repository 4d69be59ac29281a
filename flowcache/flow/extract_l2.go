package flow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
)

// ethertype parses VLAN tags, then the EtherType or the LLC and SNAP headers of an 802.3 frame. It
// returns the offset of what follows and its type.
func ethertype(base *Block, pkt []byte, limit int) (off int, typ uint16) {
	off = wire.EthType
	typ = binary.BigEndian.Uint16(pkt[off:])
	// A tag is parsed when all of it and the EtherType behind it are there; otherwise its TPID is the
	// frame's EtherType.
	for n := 0; n < limit && (typ == wire.TypeVLAN || typ == wire.TypeSVLAN) && len(pkt) >= off+6; n++ {
		tag := base[OffVLANTPID+4*n:]
		tci := binary.BigEndian.Uint16(pkt[off+2:]) | VLANPresent
		binary.BigEndian.PutUint16(tag, typ)
		binary.BigEndian.PutUint16(tag[2:], tci)
		off += wire.VLANTagSize
		typ = binary.BigEndian.Uint16(pkt[off:])
	}
	off += 2
	if typ < wire.MinType {
		off, typ = snap(pkt, off)
	}
	binary.BigEndian.PutUint16(base[OffEthType:], typ)
	return off, typ
}

// snap returns the type in the SNAP header at off, TypeLLC when there is none that names an EtherType
// (IEEE 802, 9.2: LLC of aa-aa-03 and organization 00-00-00).
func snap(pkt []byte, off int) (int, uint16) {
	if len(pkt) < off+wire.SNAPSize {
		return off, TypeLLC
	}
	const header, ignoreType = 0xaaaa_0300_0000_0000, 0xffff
	v := binary.BigEndian.Uint64(pkt[off:])
	if v&^ignoreType != header || v&ignoreType < wire.MinType {
		return off, TypeLLC
	}
	return off + wire.SNAPSize, uint16(v)
}

// arp parses an ARP or RARP packet. Other than IPv4 over Ethernet has no fields to match on; an
// operation beyond 255 is matched as 0.
func (k *Keys) arp(i int, pkt []byte, off int) {
	base, ext := &k.Block[Base][i], &k.Block[Net6][i]
	*ext = Block{}
	base[OffBlocks] |= 1 << Net6
	if len(pkt) < off+wire.ARPSize {
		return
	}
	h := (*[wire.ARPSize]byte)(pkt[off:])
	const ipv4OverEthernet = 1<<32 | wire.TypeIPv4<<16 | 6<<8 | 4
	if v := binary.BigEndian.Uint64(h[:]); v>>16 != ipv4OverEthernet {
		return
	}
	k.L3[i] = uint16(off)
	copy(base[OffIPSrc:OffIPSrc+4], h[wire.ARPSPA:])
	copy(base[OffIPDst:OffIPDst+4], h[wire.ARPTPA:])
	if h[wire.ARPOperation] == 0 {
		base[OffIPProto] = h[wire.ARPOperation+1]
	}
	copy(ext[OffARPSHA:OffARPSHA+6], h[wire.ARPSHA:])
	copy(ext[OffARPTHA:OffARPTHA+6], h[wire.ARPTHA:])
}

// mpls parses up to three label stack entries, none beyond the bottom of the stack. What lies behind
// them is not parsed: nothing says what it is.
func (k *Keys) mpls(i int, pkt []byte, off int) {
	ext := &k.Block[Label][i]
	*ext = Block{}
	k.Block[Base][i][OffBlocks] |= 1 << Label
	const bottom = 1 << 8 // RFC 3032 section 2.1
	for to := OffMPLS0; to <= OffMPLS2 && len(pkt) >= off+wire.MPLSSize; to += wire.MPLSSize {
		if to == OffMPLS0 {
			k.L3[i] = uint16(off)
		}
		entry := binary.BigEndian.Uint32(pkt[off:])
		binary.BigEndian.PutUint32(ext[to:], entry)
		off += wire.MPLSSize
		if entry&bottom != 0 {
			return
		}
	}
}

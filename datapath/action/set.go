package action

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// Set carries out an OpSet over frames whose network and transport headers are at l3 and l4, in bytes
// from the start of the data; 0 means there is none. A packet that lacks the header, or has it cut
// short, stays as it is. Checksums follow, and so does what a sender left in the place of one.
func Set(p *frame.Pool, in *Instruction, frames []frame.Frame, l3, l4 []uint16) {
	for i, f := range frames {
		set(in, p.Bytes(f), int(l3[i]), int(l4[i]))
		if f.Flags()&frame.HasOffload != 0 {
			seed(p, f, int(l3[i]), int(l4[i]))
		}
	}
}

// seed puts right what the setters, which take the checksum for a complete one, have done to that of a packet
// whose sender left it to others.
func seed(p *frame.Pool, f frame.Frame, l3, l4 int) {
	o := &p.Meta(f).Offload
	if o.Csum&frame.NeedsCsum != 0 && int(o.CsumStart) == l4 {
		wire.SeedChecksum(p.Bytes(f), l3, l4)
	}
}

// set changes one packet.
func set(in *Instruction, pkt []byte, l3, l4 int) {
	switch in.Field {
	case flow.FieldEthDst:
		in.setMAC(pkt, wire.EthDst)
	case flow.FieldEthSrc:
		in.setMAC(pkt, wire.EthSrc)
	case flow.FieldVLANTCI, flow.FieldVLANVID, flow.FieldVLANPCP, flow.FieldDLVLAN, flow.FieldDLVLANPCP:
		in.setVLAN(pkt)
	case flow.FieldMPLSLabel, flow.FieldMPLSTC, flow.FieldMPLSBOS, flow.FieldMPLSTTL:
		in.setMPLS(pkt, l3)
	case flow.FieldIPSrc:
		in.setIPv4(pkt, l3, l4, wire.IPv4Src)
	case flow.FieldIPDst:
		in.setIPv4(pkt, l3, l4, wire.IPv4Dst)
	case flow.FieldIPv6Src:
		in.setIPv6(pkt, l3, l4, wire.IPv6Src)
	case flow.FieldIPv6Dst:
		in.setIPv6(pkt, l3, l4, wire.IPv6Dst)
	case flow.FieldIPv6Label:
		in.setLabel(pkt, l3)
	case flow.FieldIPTOS, flow.FieldIPDSCP, flow.FieldIPECN:
		wire.SetTOS(pkt, l3, uint8(in.Value[0]), uint8(in.Mask[0]))
	case flow.FieldIPTTL:
		wire.SetTTL(pkt, l3, uint8(in.Value[0]), uint8(in.Mask[0]))
	case flow.FieldTCPSrc, flow.FieldUDPSrc, flow.FieldSCTPSrc:
		in.setPort(pkt, l3, l4, wire.SrcPort)
	case flow.FieldTCPDst, flow.FieldUDPDst, flow.FieldSCTPDst:
		in.setPort(pkt, l3, l4, wire.DstPort)
	case flow.FieldICMPType, flow.FieldICMPv6Type:
		in.setICMP(pkt, l3, l4, wire.ICMPType)
	case flow.FieldICMPCode, flow.FieldICMPv6Code:
		in.setICMP(pkt, l3, l4, wire.ICMPCode)
	case flow.FieldARPOp, flow.FieldARPSPA, flow.FieldARPTPA, flow.FieldARPSHA, flow.FieldARPTHA:
		in.setARP(pkt, l3)
	case flow.FieldNDTarget, flow.FieldNDSLL, flow.FieldNDTLL:
		in.setND(pkt, l3, l4)
	}
}

// merge returns old with the bits of mask replaced by those of value.
func merge(old, value, mask uint64) uint64 { return old&^mask | value&mask }

// merge64 does it with the instruction's last operand words, which hold fields of up to 8 bytes.
func (in *Instruction) merge64(old uint64) uint64 {
	last := len(in.Value) - 1
	return merge(old, in.Value[last], in.Mask[last])
}

// merge128 does it with a field of 16 bytes in place.
func (in *Instruction) merge128(b *[16]byte) {
	for i := range 2 {
		old := binary.BigEndian.Uint64(b[8*i:])
		binary.BigEndian.PutUint64(b[8*i:], merge(old, in.Value[i], in.Mask[i]))
	}
}

func (in *Instruction) setMAC(pkt []byte, at int) {
	if len(pkt) < wire.EthernetSize {
		return
	}
	in.mergeMAC((*[6]byte)(pkt[at:]))
}

func (in *Instruction) mergeMAC(mac *[6]byte) {
	hi, lo := binary.BigEndian.Uint16(mac[:]), binary.BigEndian.Uint32(mac[2:])
	v := in.merge64(uint64(hi)<<32 | uint64(lo))
	binary.BigEndian.PutUint16(mac[:], uint16(v>>32))
	binary.BigEndian.PutUint32(mac[2:], uint32(v))
}

func (in *Instruction) setVLAN(pkt []byte) {
	if len(pkt) < wire.EthernetSize+wire.VLANTagSize {
		return
	}
	tpid := binary.BigEndian.Uint16(pkt[wire.EthType:])
	tci := in.merge64(uint64(binary.BigEndian.Uint16(pkt[wire.EthernetSize:])))
	wire.SetVLAN(pkt, tpid, uint16(tci))
}

// setMPLS changes the outermost label stack entry.
func (in *Instruction) setMPLS(pkt []byte, l3 int) {
	if wire.HasMPLS(pkt, l3) {
		mergeAt32(in, pkt[l3:])
	}
}

func (in *Instruction) setIPv4(pkt []byte, l3, l4, at int) {
	if l3 == 0 || len(pkt) < l3+wire.IPv4Size {
		return
	}
	old := binary.BigEndian.Uint32(pkt[l3+at:])
	wire.SetIPv4Addr(pkt, l3, l4, at, uint32(in.merge64(uint64(old))))
}

func (in *Instruction) setIPv6(pkt []byte, l3, l4, at int) {
	if l3 == 0 || len(pkt) < l3+wire.IPv6Size {
		return
	}
	addr := [16]byte(pkt[l3+at:])
	in.merge128(&addr)
	wire.SetIPv6Addr(pkt, l3, l4, at, &addr)
}

func (in *Instruction) setLabel(pkt []byte, l3 int) {
	if l3 == 0 || len(pkt) < l3+wire.IPv6Size {
		return
	}
	old := binary.BigEndian.Uint32(pkt[l3:]) & 0xfffff
	wire.SetIPv6Label(pkt, l3, uint32(in.merge64(uint64(old)))&0xfffff)
}

func (in *Instruction) setPort(pkt []byte, l3, l4, at int) {
	if l4 == 0 || len(pkt) < l4+at+2 {
		return
	}
	old := binary.BigEndian.Uint16(pkt[l4+at:])
	wire.SetL4Port(pkt, l3, l4, at, uint16(in.merge64(uint64(old))))
}

func (in *Instruction) setICMP(pkt []byte, l3, l4, at int) {
	if l4 == 0 || len(pkt) < l4+wire.ICMPCode+1 {
		return
	}
	v := [2]byte{pkt[l4+wire.ICMPType], pkt[l4+wire.ICMPCode]}
	v[at] = uint8(in.merge64(uint64(v[at])))
	wire.SetICMP(pkt, l3, l4, v[wire.ICMPType], v[wire.ICMPCode])
}

func (in *Instruction) setARP(pkt []byte, l3 int) {
	if l3 == 0 || len(pkt) < l3+wire.ARPSize {
		return
	}
	arp := (*[wire.ARPSize]byte)(pkt[l3:])
	switch in.Field {
	case flow.FieldARPOp:
		binary.BigEndian.PutUint16(arp[wire.ARPOperation:], uint16(in.merge64(uint64(arp[wire.ARPOperation+1]))))
	case flow.FieldARPSPA:
		mergeAt32(in, arp[wire.ARPSPA:])
	case flow.FieldARPTPA:
		mergeAt32(in, arp[wire.ARPTPA:])
	case flow.FieldARPSHA:
		in.mergeMAC((*[6]byte)(arp[wire.ARPSHA:]))
	case flow.FieldARPTHA:
		in.mergeMAC((*[6]byte)(arp[wire.ARPTHA:]))
	}
}

func mergeAt32(in *Instruction, b []byte) {
	binary.BigEndian.PutUint32(b, uint32(in.merge64(uint64(binary.BigEndian.Uint32(b)))))
}

// setND changes a neighbour solicitation or advertisement (RFC 4861 sections 4.3, 4.4): its target or
// the address in its first link-layer option of the kind meant.
func (in *Instruction) setND(pkt []byte, l3, l4 int) {
	const target, options = 8, 24 // bytes from the start of the ICMPv6 message
	if l4 == 0 || len(pkt) < l4+options {
		return
	}
	msg := pkt[l4:]
	switch in.Field {
	case flow.FieldNDTarget:
		addr := (*[16]byte)(msg[target:])
		old := *addr
		in.merge128(addr)
		check := binary.BigEndian.Uint16(msg[wire.ICMPChecksum:])
		binary.BigEndian.PutUint16(msg[wire.ICMPChecksum:], wire.Update128(check, &old, addr))
	case flow.FieldNDSLL:
		in.setLinkAddr(msg, options, wire.NDOptSourceLink)
	case flow.FieldNDTLL:
		in.setLinkAddr(msg, options, wire.NDOptTargetLink)
	}
}

// setLinkAddr changes the address in the first option of type typ behind at; options are in units of
// 8 bytes (RFC 4861 section 4.6).
func (in *Instruction) setLinkAddr(msg []byte, at int, typ byte) {
	for len(msg) >= at+8 && msg[at+1] != 0 {
		if msg[at] == typ && msg[at+1] == 1 {
			mac := (*[6]byte)(msg[at+2:])
			old := *mac
			in.mergeMAC(mac)
			check := binary.BigEndian.Uint16(msg[wire.ICMPChecksum:])
			for i := 0; i < 6; i += 2 {
				check = wire.Update16(check, binary.BigEndian.Uint16(old[i:]), binary.BigEndian.Uint16(mac[i:]))
			}
			binary.BigEndian.PutUint16(msg[wire.ICMPChecksum:], check)
			return
		}
		at += 8 * int(msg[at+1])
	}
}

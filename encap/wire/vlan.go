package wire

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/ring/frame"
)

// tciPresent is the bit that says in a flow key that there is a tag. On the wire it is the drop
// eligible indicator, which is sent as 0, as OVS does.
const tciPresent = 0x1000

// PushVLAN puts a VLAN tag behind the addresses of f. Headers behind it keep their bytes; their
// offsets from the start of the data grow by VLANTagSize. It reports false, and leaves f as it is,
// when there is no headroom or no Ethernet header.
func PushVLAN(p *frame.Pool, f *frame.Frame, tpid, tci uint16) bool {
	if f.Len() < EthernetSize || !p.Prepend(f, VLANTagSize) {
		return false
	}
	pkt := p.Bytes(*f)
	copy(pkt[:EthType], pkt[VLANTagSize:])
	binary.BigEndian.PutUint16(pkt[EthType:], tpid)
	binary.BigEndian.PutUint16(pkt[EthType+2:], tci&^tciPresent)
	moveOffload(p, *f, VLANTagSize)
	return true
}

// PopVLAN takes the outer VLAN tag out of f. It reports false, and leaves f as it is, when there is
// none.
func PopVLAN(p *frame.Pool, f *frame.Frame) bool {
	pkt := p.Bytes(*f)
	if !tagged(pkt) {
		return false
	}
	copy(pkt[VLANTagSize:], pkt[:EthType])
	moveOffload(p, *f, -VLANTagSize)
	return p.Trim(f, VLANTagSize)
}

// SetVLAN sets the outer VLAN tag of the frame pkt. It reports false when there is none.
func SetVLAN(pkt []byte, tpid, tci uint16) bool {
	if !tagged(pkt) {
		return false
	}
	binary.BigEndian.PutUint16(pkt[EthType:], tpid)
	binary.BigEndian.PutUint16(pkt[EthType+2:], tci&^tciPresent)
	return true
}

// tagged reports whether pkt has a whole VLAN tag and an EtherType behind it.
func tagged(pkt []byte) bool {
	if len(pkt) < EthernetSize+VLANTagSize {
		return false
	}
	typ := binary.BigEndian.Uint16(pkt[EthType:])
	return typ == TypeVLAN || typ == TypeSVLAN
}

// moveOffload moves what the sender left to the receiver along with the headers, by n bytes.
func moveOffload(p *frame.Pool, f frame.Frame, n int) {
	if f.Flags()&frame.HasOffload == 0 {
		return
	}
	o := &p.Meta(f).Offload
	if o.Csum&frame.NeedsCsum != 0 {
		o.CsumStart = uint16(int(o.CsumStart) + n)
	}
	if o.GSO != frame.GSONone {
		o.HeaderLen = uint16(int(o.HeaderLen) + n)
	}
}

package encap

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// VXLAN's header (RFC 7348 section 5; draft-ietf-nvo3-vxlan-gpe-12 section 3; draft-smith-vxlan-group-policy-05 section
// 2.1), two words in network byte order: flags, then VNI<<8.
const (
	vxlanSize = 8 // bytes

	vxlanVNI     = 1 << 27 // the VNI is valid
	vxlanGBP     = 1 << 31 // a group policy
	vxlanGPE     = 1 << 26 // there is a next protocol ("P")
	vxlanGPEBits = 1<<29 | 1<<28 | 1<<25 | vxlanGPE | 0xff
	vxlanGPEOAM  = 1 << 24
	vxlanGPEVer  = 1<<29 | 1<<28
	vxlanGPENext = 0xff
	vxlanEth     = 3 // next protocol: Ethernet

	vxlanGBPFlags = 1<<22 | 1<<19 // "don't learn", "policy applied"
	vxlanGBPBits  = vxlanGBP | vxlanGBPFlags | 0xffff
)

// A GBP is a group policy of VXLAN.
type GBP struct {
	ID    uint16
	Flags uint8 // 0x40: don't learn, 0x08: policy applied
}

func checkVXLAN(o *Outer) error {
	switch {
	case o.GBP != (GBP{}) && !o.HasGBP:
		return errors.New("group policy: the tunnel has no extension gbp")
	case uint32(o.GBP.Flags)<<16&^vxlanGBPFlags != 0:
		return errors.New("group policy flags: want 0x40 and 0x08 only")
	case o.HasGBP && o.GPE:
		return errors.New("want one of the extensions gbp and gpe: they have the same bits") // draft-ietf-nvo3-vxlan-gpe
	}
	return nil
}

func sizeVXLAN(*Outer) int { return vxlanSize }

func buildVXLAN(b []byte, o *Outer, _ *descriptor) []byte {
	flags := uint32(vxlanVNI)
	if o.GPE {
		flags |= vxlanGPE | vxlanEth
	}
	// A group of 0 without flags is sent as plain VXLAN, which Linux does as well.
	if o.HasGBP && o.GBP != (GBP{}) {
		flags |= vxlanGBP | uint32(o.GBP.Flags)<<16 | uint32(o.GBP.ID)
	}
	b = binary.BigEndian.AppendUint32(b, flags)
	return binary.BigEndian.AppendUint32(b, o.Key<<8)
}

func readVXLAN(b []byte, _ descriptor, o *Outer) bool {
	if len(b) != vxlanSize {
		return false
	}
	flags := binary.BigEndian.Uint32(b)
	o.GPE = flags&vxlanGPE != 0
	if o.HasGBP = flags&vxlanGBP != 0; o.HasGBP {
		o.GBP = GBP{ID: uint16(flags), Flags: uint8(flags >> 16)}
	}
	o.Key = binary.BigEndian.Uint32(b[4:]) >> 8
	return true
}

// openVXLAN takes what the tunnel's extensions know out of the flags. What remains must be the bit that says that there
// is a VNI: RFC 7348 has others ignored, while Linux and Open vSwitch drop what they do not understand, and so do we.
func openVXLAN(x *Popper, set uint64) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		a := &x.arrivals[i]
		h := x.header(i, vxlanSize)
		if h == nil {
			x.drop(i, BadLength)
			continue
		}
		t := a.tunnel
		flags := binary.BigEndian.Uint32(h)
		if t.GPE && flags&vxlanGPE != 0 {
			if flags&(vxlanGPEVer|vxlanGPEOAM) != 0 || flags&vxlanGPENext != vxlanEth {
				x.drop(i, BadHeader)
				continue
			}
			flags &^= vxlanGPEBits
		}
		if t.GBP && flags&vxlanGBP != 0 {
			a.gbp = GBP{ID: uint16(flags), Flags: uint8(flags >> 16)}
			flags &^= vxlanGBPBits
		}
		if flags != vxlanVNI || h[7] != 0 {
			x.drop(i, BadHeader)
			continue
		}
		a.inner = a.l4 + wire.UDPSize + vxlanSize
	}
}

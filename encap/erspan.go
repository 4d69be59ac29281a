package encap

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// ERSPAN (draft-foschiano-erspan-03 section 4) is a GRE header and one of its own, with an EtherType for each:
//
//	type I    GRE alone, without a sequence number
//	type II   GRE with a sequence number; version 1, session, index
//	type III  the same with version 2, session, a timestamp and the hardware's number instead of the index
//
// Open vSwitch counts versions, not types: erspan_ver=1 is type II.
const (
	typeERSPAN2 = 0x88be // types I and II
	typeERSPAN3 = 0x22eb

	erspan2Size = 8  // bytes
	erspan3Size = 12 // bytes

	erspanSession = 1<<10 - 1 // of the first four bytes
	erspanVersion = 28        // shift, there
	erspanIndex   = 1<<20 - 1 // of the second four, type II
	erspanDir     = 1 << 3    // of the last four, type III: egress
	erspanHWID    = 4         // shift of the hardware's number, there
)

// A Span is what an ERSPAN header says beside the session, which is the key.
type Span struct {
	Version uint8  // 0: type I, 1: type II, 2: type III
	Index   uint32 // type II: 20 bits
	Egress  bool   // type III: a packet that left, not one that came in
	HWID    uint8  // type III: 6 bits
}

func checkERSPAN(o *Outer) error {
	switch s := o.ERSPAN; {
	case s.Version > 2:
		return fmt.Errorf("ERSPAN version %d: want 0, 1 or 2", s.Version)
	case s.Index > erspanIndex || s.Index != 0 && s.Version != 1:
		return fmt.Errorf("ERSPAN index %#x: want at most %#x, with version 1 only", s.Index, erspanIndex)
	case s.HWID > 63 || (s.HWID != 0 || s.Egress) && s.Version != 2:
		return fmt.Errorf("ERSPAN hardware id %d: want at most 63, it and the direction with version 2 only", s.HWID)
	case s.Version == 0 && o.Key != 0:
		return fmt.Errorf("ERSPAN session %d: version 0 has none", o.Key)
	}
	return nil
}

func sizeERSPAN(o *Outer) int {
	return [...]int{greSize, greSize + 4 + erspan2Size, greSize + 4 + erspan3Size}[o.ERSPAN.Version]
}

func buildERSPAN(b []byte, o *Outer, d *descriptor) []byte {
	s := &o.ERSPAN
	if s.Version == 0 {
		return appendGRE(b, 0, typeERSPAN2, 0, d)
	}
	d.setCounter(o.Counter)
	first := uint32(s.Version)<<erspanVersion | o.Key
	if s.Version == 1 {
		b = appendGRE(b, greSequence, typeERSPAN2, 0, d)
		b = binary.BigEndian.AppendUint32(b, first)
		return binary.BigEndian.AppendUint32(b, s.Index)
	}
	b = appendGRE(b, greSequence, typeERSPAN3, 0, d)
	b = binary.BigEndian.AppendUint32(b, first)
	d.setStamp(len(b))
	last := uint32(s.HWID) << erspanHWID
	if s.Egress {
		last |= erspanDir
	}
	b = append(b, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, last)
}

func readERSPAN(b []byte, _ descriptor, o *Outer) bool {
	s := &o.ERSPAN
	be := binary.BigEndian
	switch b = b[greSize:]; len(b) {
	case 0:
		return true
	case 4 + erspan2Size:
		s.Index = be.Uint32(b[8:])
	case 4 + erspan3Size:
		last := be.Uint32(b[12:])
		s.HWID, s.Egress = uint8(last>>erspanHWID), last&erspanDir != 0
	default:
		return false
	}
	first := be.Uint32(b[4:])
	s.Version, o.Key = uint8(first>>erspanVersion), first&erspanSession
	return true
}

// erspan reads the header of frame i behind that of GRE, which is all there.
func (x *Popper) erspan(i int, pkt []byte) {
	a := &x.arrivals[i]
	typ := binary.BigEndian.Uint16(pkt[a.l4+2:])
	if a.gre == 0 && typ == typeERSPAN2 {
		return // type I
	}
	size := erspan2Size
	if typ == typeERSPAN3 {
		size = erspan3Size
	}
	end := int(a.inner) + size
	if end > min(len(pkt), int(a.size)) {
		a.bad = BadLength
		return
	}
	h := pkt[a.inner:end]
	first := binary.BigEndian.Uint32(h)
	version := first >> erspanVersion
	a.where |= uint64(first & erspanSession)
	a.inner = uint16(end)
	switch {
	case version == 1 && typ == typeERSPAN2:
		a.bits = binary.BigEndian.Uint32(h[4:])&erspanIndex<<12 | 1<<8
	case version == 2 && typ == typeERSPAN3:
		last := binary.BigEndian.Uint32(h[8:])
		a.bits = 2<<8 | last>>erspanHWID&0x3f<<2 | last&erspanDir>>3<<1
	default:
		a.bad = BadHeader
	}
}

// openERSPAN checks that GRE says nothing that ERSPAN does not have.
func openERSPAN(x *Popper, set uint64) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		if x.arrivals[i].gre&^greSequence != 0 {
			x.drop(i, BadHeader)
		}
	}
}

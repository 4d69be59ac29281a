package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// read consults part of a field of the working key and returns its bits at the end of a number of 16
// bytes, in network byte order. Of a field that the packet has not they are zero, and known as such.
func (x *xlate) read(src flow.Subfield) (value [16]byte) {
	if src.Field.IsTunMetadata() {
		x.readOption(src, value[:])
		return value
	}
	var ones [16]byte
	for i := range ones {
		ones[i] = 0xff
	}
	b := int(src.Field.Info().Block)
	x.uses[b] = flow.Block{}
	copyBits(x.uses.Bytes(src.Field), place(src), ones[:], 0, int(src.Bits))
	x.consultBlock(b)
	copyBits(value[:], 0, x.work.Bytes(src.Field), place(src), int(src.Bits))
	return value
}

// readUint is read for parts of up to 64 bits.
func (x *xlate) readUint(src flow.Subfield) uint64 {
	v := x.read(src)
	return binary.BigEndian.Uint64(v[8:])
}

// load writes the last bits of a number of 16 bytes to part of a field, if the packet has it.
func (x *xlate) load(dst flow.Subfield, value *[16]byte) {
	if dst.Field.IsTunMetadata() {
		x.loadToOption(dst, value[:])
		return
	}
	set := loadOf(dst, value)
	x.setField(&set)
}

// loadOf returns the action that load carries out.
func loadOf(dst flow.Subfield, value *[16]byte) SetField {
	size := dst.Field.Info().Size
	a := SetField{Field: dst.Field, Form: FormLoad, Part: dst}
	var ones [16]byte
	for i := range ones {
		ones[i] = 0xff
	}
	copyBits(a.Value[:size], place(dst), value[:], 0, int(dst.Bits))
	copyBits(a.Mask[:size], place(dst), ones[:], 0, int(dst.Bits))
	clampSet(&a)
	return a
}

package openflow

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A fieldSet is a set of fields.
type fieldSet [(flow.NumFields + 63) / 64]uint64

func (s *fieldSet) add(f flow.FieldID) { s[f/64] |= 1 << (f % 64) }

// write sets bits of a field of the working key. value and mask are the bytes the field lies in; value
// has no bit that mask has not.
func (x *xlate) write(f flow.FieldID, value, mask []byte) {
	info := f.Info()
	b, written, dirty := x.work.Bytes(f), x.written.Bytes(f), x.dirty.Bytes(f)
	for i, m := range mask {
		b[i] = b[i]&^m | value[i]
		written[i] |= m
	}
	if x.rec != nil {
		x.rec.set(f, mask)
	}
	x.touch(int(info.Block), int(info.Off), int(info.Size))
	if !inPacket(f) {
		return
	}
	for i, m := range mask {
		dirty[i] |= m
	}
	x.pending.add(programField(f))
}

// touch notes that n bytes at off of a block of the working key have written bits.
func (x *xlate) touch(block, off, n int) {
	if block == flow.Base {
		x.met = 0
	}
	for w := off / 8; w <= (off+n-1)/8; w++ {
		x.touched |= flow.WordBit(block, w)
	}
}

// inPacket reports whether a field is part of the packet; others exist beside it.
func inPacket(f flow.FieldID) bool {
	info := f.Info()
	return f >= flow.FieldEthSrc && (info.Block == flow.Base || info.Block == flow.Net6 || info.Block == flow.Label)
}

// programField returns the field that a program sets f by: one for those that share their bytes.
func programField(f flow.FieldID) flow.FieldID {
	switch f {
	case flow.FieldVLANVID, flow.FieldVLANPCP, flow.FieldDLVLAN, flow.FieldDLVLANPCP:
		return flow.FieldVLANTCI
	case flow.FieldIPDSCP, flow.FieldIPECN:
		return flow.FieldIPTOS
	}
	return f
}

// commit adds to the program what makes base into the working key. Operations that would change
// nothing in any packet of the verdict are left out.
func (x *xlate) commit() {
	x.commitVLAN()
	for i := range x.pending {
		for set := x.pending[i]; set != 0; set &= set - 1 {
			x.commitField(flow.FieldID(i*64 + bits.TrailingZeros64(set)))
		}
		x.pending[i] = 0
	}
}

func (x *xlate) commitField(f flow.FieldID) {
	all := x.dirty.Bytes(f)
	var own [16]byte
	dirty := own[:len(all)]
	copy(dirty, all)
	if f.Info().Block == flow.Label { // each field by itself, though they share their bytes
		binary.BigEndian.PutUint32(dirty, binary.BigEndian.Uint32(dirty)&uint32(f.Info().In))
	}
	work, base := x.work.Bytes(f), x.base.Bytes(f)
	fixed, seen := x.fixed.Bytes(f), x.v.Mask.Bytes(f)
	same := true
	for i, d := range dirty {
		seen[i] |= d &^ x.written.Bytes(f)[i] // the packet's own, which has to be set back
		// A bit of base is known when the program has written it or the packet's own was consulted.
		known := fixed[i] | seen[i]
		if x.rec != nil {
			known |= x.rec.commit(f, i, d&^known)
		}
		same = same && d&^known == 0 && (work[i]^base[i])&d == 0
	}
	if !same {
		var value [16]byte
		for i, d := range dirty {
			value[i] = work[i] & d
			base[i] = base[i]&^d | value[i]
			fixed[i] |= d
		}
		x.v.Actions.Set(f, value[:len(dirty)], dirty)
		x.vlan.base[0] = outerTag(&x.base)
	}
	for i, d := range dirty {
		all[i] &^= d
	}
}

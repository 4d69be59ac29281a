package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// moveNumber is move for what most rules move: parts of fields of up to 8 bytes, to registers
// and metadata. It reports whether the action is one of those. The packet has both fields.
func (x *xlate) moveNumber(a *Move) bool {
	src, dst := a.Src.Field.Info(), a.Dst.Field.Info()
	if src.Size > 8 || dst.Size > 8 || dst.Block < flow.Regs || a.Src.Field.IsTunMetadata() || x.q.Trace != nil {
		return false
	}
	from, to := place(a.Src), place(a.Dst)
	ones := uint64(1)<<(a.Src.Bits-1)<<1 - 1
	written := x.written.Bytes(a.Src.Field)
	if loadUint(written)&(ones<<from) != 0 {
		x.spoil()
	} else if x.rec != nil {
		x.rec.moved(moved{a.Src.Field, a.Dst.Field, from, to, ones})
	}
	consulted := x.loose().Bytes(a.Src.Field)
	storeUint(consulted, loadUint(consulted)|ones<<from&^loadUint(written))
	value := loadUint(x.work.Bytes(a.Src.Field)) >> from & ones
	work, fixed := x.work.Bytes(a.Dst.Field), x.written.Bytes(a.Dst.Field)
	storeUint(work, loadUint(work)&^(ones<<to)|value<<to)
	storeUint(fixed, loadUint(fixed)|ones<<to)
	x.touch(int(dst.Block), int(dst.Off), int(dst.Size))
	return true
}

// loadUint returns 1, 2, 4, 6 or 8 bytes in network byte order.
func loadUint(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	case 6:
		return uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
	}
	return binary.BigEndian.Uint64(b)
}

// storeUint is the reverse of loadUint.
func storeUint(b []byte, v uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.BigEndian.PutUint16(b, uint16(v))
	case 4:
		binary.BigEndian.PutUint32(b, uint32(v))
	case 6:
		binary.BigEndian.PutUint16(b, uint16(v>>32))
		binary.BigEndian.PutUint32(b[2:], uint32(v))
	default:
		binary.BigEndian.PutUint64(b, v)
	}
}

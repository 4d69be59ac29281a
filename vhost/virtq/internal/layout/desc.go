package layout

import (
	"encoding/binary"
	"sync/atomic"
)

// A Desc is a descriptor of either layout, as two words, so that reading it once is two loads.
//
//	split (2.7.5)    addr  64 | len 32, flags 16, next 16
//	packed (2.8.13)  addr  64 | len 32, id 16, flags 16
type Desc struct {
	Addr uint64 // guest-physical
	Rest uint64
}

// A Guarded is a packed descriptor whose second word, with the flags that pass it on, is accessed atomically.
type Guarded struct {
	Addr uint64 // guest-physical; it may change until Rest has passed the descriptor on
	Rest atomic.Uint64
}

// A Used is an element of a split ring's used ring (2.7.8).
type Used struct {
	ID  uint32 // head of the chain
	Len uint32 // bytes written to it
}

// DescBytes is the size of a descriptor in bytes.
const DescBytes = 16

// Flags of descriptors (2.7.5, 2.8.1, 2.8.6).
const (
	FlagNext     = 1
	FlagWrite    = 2
	FlagIndirect = 4
	FlagAvail    = 1 << 7  // packed only
	FlagUsed     = 1 << 15 // packed only
)

// Flags of a split ring (2.7.6 and 2.7.8).
const (
	AvailNoInterrupt = 1
	UsedNoNotify     = 1
)

// Flags of a packed ring's event suppression (2.8.10).
const (
	EventEnable  = 0
	EventDisable = 1
	EventDesc    = 2 // at one descriptor
)

// SplitDesc returns a descriptor of a split ring.
func SplitDesc(addr uint64, n uint32, flags, next uint16) Desc {
	return Desc{addr, uint64(n) | uint64(flags)<<32 | uint64(next)<<48}
}

// PackedRest returns the second word of a packed ring's descriptor.
func PackedRest(n uint32, id, flags uint16) uint64 {
	return uint64(n) | uint64(id)<<32 | uint64(flags)<<48
}

// Len returns the length in bytes.
func (d Desc) Len() uint32 { return uint32(d.Rest) }

// SplitFlags and SplitNext are fields of a split ring's descriptor, PackedID and PackedFlags of a packed ring's.
func (d Desc) SplitFlags() uint16  { return uint16(d.Rest >> 32) }
func (d Desc) SplitNext() uint16   { return uint16(d.Rest >> 48) }
func (d Desc) PackedID() uint16    { return uint16(d.Rest >> 32) }
func (d Desc) PackedFlags() uint16 { return uint16(d.Rest >> 48) }

// Decode reads a descriptor of an indirect table, which need not be aligned.
func Decode(b *[DescBytes]byte) Desc {
	return Desc{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// Encode writes a descriptor of an indirect table.
func (d Desc) Encode(b *[DescBytes]byte) {
	binary.LittleEndian.PutUint64(b[:8], d.Addr)
	binary.LittleEndian.PutUint64(b[8:], d.Rest)
}

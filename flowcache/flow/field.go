package flow

import (
	"encoding/binary"
	"math/bits"
)

// A Field describes a match field: how it is called, where it lies in a key, what may be done with it.
type Field struct {
	ID      FieldID
	Name    string   // as ovs-ofctl prints it
	Aliases []string // other spellings, NXM and OXM names among them, without brackets

	Block uint8  // block of the key
	Off   uint8  // offset of its first byte in the block
	Size  uint8  // bytes it lies in: 1, 2, 4, 6, 8 or 16
	In    uint64 // bits of those bytes that are its own, in place; all of them when Size is 16
	Shift uint8  // bits to the right of its least significant one
	Bits  uint16 // width in bits as OpenFlow counts it, which a subfield's bounds are held against

	Kind     Kind // how its value is written
	Need     Need // what must be matched before it
	Maskable bool // any bits of it may be matched; otherwise all or none
	Writable bool // actions may set it
}

// Kind says how a field's value is written as text.
type Kind uint8

// Kinds of text.
const (
	Decimal     Kind = iota
	Hex              // 0x and digits
	MAC              // 00:00:00:00:00:00
	IPv4             // dotted quad, mask as /bits or dotted quad
	IPv6             // mask as /bits or address
	Port             // number or name
	Frag             // no, yes, first, later, not_later
	TCPFlags         // +syn-ack, syn|ack or a number
	TunFlags         // the same with tunnel flags
	TunMetadata      // a long number, or no value
)

// Info returns the description of f.
func (f FieldID) Info() *Field { return &fields[f] }

// String returns the field's name.
func (f FieldID) String() string { return fields[f].Name }

// Internal reports whether f is for flows of the caches and descriptions of packets only. Rules cannot match it: Open
// vSwitch has these in its flows as well, but no name for them in rules, or one that it refuses (tun_tos).
func (f FieldID) Internal() bool {
	return f >= FieldVLANTPID && f <= FieldIPAtomic || f == FieldTunTOS
}

// FieldByName returns the field that ovs-ofctl knows by name, in any of its spellings.
func FieldByName(name string) (f FieldID, ok bool) {
	f, ok = fieldNames[name]
	return f, ok
}

// fieldNames finds fields by name and alias. It does not change.
var fieldNames = func() map[string]FieldID {
	names := make(map[string]FieldID)
	for i := range fields {
		if fields[i].Name == "" {
			continue // NoField
		}
		names[fields[i].Name] = FieldID(i)
		for _, a := range fields[i].Aliases {
			names[a] = FieldID(i)
		}
	}
	return names
}()

// load returns the n bytes at off of b as one number. n is at most 8.
func (b *Block) load(off, n uint8) uint64 {
	switch n {
	case 1:
		return uint64(b[off])
	case 2:
		return uint64(binary.BigEndian.Uint16(b[off:]))
	case 4:
		return uint64(binary.BigEndian.Uint32(b[off:]))
	case 6:
		return uint64(binary.BigEndian.Uint16(b[off:]))<<32 | uint64(binary.BigEndian.Uint32(b[off+2:]))
	}
	return binary.BigEndian.Uint64(b[off:])
}

// store is the reverse of load.
func (b *Block) store(off, n uint8, v uint64) {
	switch n {
	case 1:
		b[off] = uint8(v)
	case 2:
		binary.BigEndian.PutUint16(b[off:], uint16(v))
	case 4:
		binary.BigEndian.PutUint32(b[off:], uint32(v))
	case 6:
		binary.BigEndian.PutUint16(b[off:], uint16(v>>32))
		binary.BigEndian.PutUint32(b[off+2:], uint32(v))
	default:
		binary.BigEndian.PutUint64(b[off:], v)
	}
}

// get returns the field's value in its block b; for a field of 16 bytes, the lower half.
func (f *Field) get(b *Block) uint64 {
	if f.Size == 16 {
		return b.load(f.Off+8, 8)
	}
	return b.load(f.Off, f.Size) & f.In >> f.Shift
}

// put sets the field in its block b to v, of which bits beyond the field are ignored. It leaves other
// fields in the same bytes as they are. For a field of 16 bytes v is the lower half, the upper zero.
func (f *Field) put(b *Block, v uint64) {
	if f.Size == 16 {
		b.store(f.Off, 8, 0)
		b.store(f.Off+8, 8, v)
		return
	}
	old := b.load(f.Off, f.Size)
	b.store(f.Off, f.Size, old&^f.In|v<<f.Shift&f.In)
}

// Max returns the greatest value of a field of up to 8 bytes, which is also its mask for an exact
// match. For nw_tos, whose lower two bits are another field's, these are zero.
func (f *Field) Max() uint64 {
	if f.Size == 16 {
		return ^uint64(0)
	}
	return f.In >> f.Shift
}

// width returns the number of bits that f has in the key.
func (f *Field) width() int {
	if f.Size == 16 {
		return 128
	}
	return bits.Len64(f.Max())
}

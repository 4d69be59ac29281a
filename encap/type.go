package encap

import (
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/encap/wire"
)

// A Type is a kind of tunnel.
type Type uint8

// Types. The zero Type is none.
const (
	NoType Type = iota
	VXLAN
	Geneve
	GRE
	NVGRE
	ERSPAN
	NumTypes // how many there are, none included
)

// A kind is what sets a type apart. A type is a file with its functions and a row in kinds.
type kind struct {
	name  string
	proto uint8  // IP protocol: wire.ProtoUDP or wire.ProtoGRE
	port  uint16 // UDP port by default; 0 with GRE
	keys  uint32 // the largest key
	takes takes
	// A packet's key lies in the 32 bits behind the first four of the tunnel header or in those of GRE's key, with
	// as many bits behind it as shift says. where is what else tells the type in an end.
	shift uint8
	where uint64
	// check says what is wrong with an Outer of the type, beside what takes and keys tell; nil: nothing can be.
	check func(o *Outer) error
	// size returns the bytes of the headers behind UDP, or of the GRE header and what is behind it.
	size func(o *Outer) int
	// build appends those headers to b, except for what depends on the packet, and notes where that is in d.
	build func(b []byte, o *Outer, d *descriptor) []byte
	// read is the inverse of build: it fills in o from the headers b and reports whether they are of the type.
	read func(b []byte, d descriptor, o *Outer) bool
	// open checks the headers of the frames in set against the tunnels they have come by, and says in x where the
	// inner frames begin and what is to be known of them.
	open func(x *Popper, set uint64)
}

// takes is what of an Outer a header of the type may have or lack.
type takes uint8

const (
	noKey    takes = 1 << iota // packets may do without a key
	checksum                   // Outer.Checksum
	sequence                   // Outer.Sequence
)

var kinds = [NumTypes]kind{
	VXLAN: {
		name: "vxlan", proto: wire.ProtoUDP, port: 4789, keys: 1<<24 - 1, takes: noKey | checksum, shift: 8,
		check: checkVXLAN, size: sizeVXLAN, build: buildVXLAN, read: readVXLAN, open: openVXLAN,
	},
	Geneve: {
		name: "geneve", proto: wire.ProtoUDP, port: 6081, keys: 1<<24 - 1, takes: noKey | checksum, shift: 8,
		check: checkGeneve, size: sizeGeneve, build: buildGeneve, read: readGeneve, open: openGeneve,
	},
	GRE: {
		name: "gre", proto: wire.ProtoGRE, keys: 1<<32 - 1, takes: noKey | checksum | sequence, where: whereGRE,
		check: checkGRE, size: sizeGRE, build: buildGRE, read: readGRE, open: openGRE,
	},
	NVGRE: {
		name: "nvgre", proto: wire.ProtoGRE, keys: 1<<24 - 1, shift: 8, where: whereGRE,
		size: sizeNVGRE, build: buildNVGRE, read: readNVGRE, open: openNVGRE,
	},
	ERSPAN: {
		name: "erspan", proto: wire.ProtoGRE, keys: 1<<10 - 1, takes: noKey, where: whereGRE | whereERSPAN,
		check: checkERSPAN, size: sizeERSPAN, build: buildERSPAN, read: readERSPAN, open: openERSPAN,
	},
}

// String returns the name that Open vSwitch has for t.
func (t Type) String() string {
	if t == NoType || t >= NumTypes {
		return fmt.Sprintf("type %d", uint8(t))
	}
	return kinds[t].name
}

// ParseType returns the type with a name.
func ParseType(name string) (Type, error) {
	for t := NoType + 1; t < NumTypes; t++ {
		if kinds[t].name == name {
			return t, nil
		}
	}
	return NoType, fmt.Errorf("tunnel type %q: want one of %v", name, Types())
}

// Types returns the types there are.
func Types() []Type {
	types := make([]Type, 0, NumTypes)
	for t := NoType + 1; t < NumTypes; t++ {
		types = append(types, t)
	}
	return slices.Clip(types)
}

// UDP reports whether t runs over UDP; else it runs over GRE.
func (t Type) UDP() bool { return kinds[t].proto == wire.ProtoUDP }

// Proto returns the IP protocol of t: wire.ProtoUDP or wire.ProtoGRE.
func (t Type) Proto() uint8 { return kinds[t].proto }

// Port returns the UDP port of t where none is configured; 0 for what runs over GRE.
func (t Type) Port() uint16 { return kinds[t].port }

// MaxKey returns the largest key that a tunnel of type t carries.
func (t Type) MaxKey() uint32 { return kinds[t].keys }

// KeyOptional reports whether who configures a tunnel of type t need not say a key. Headers other than GRE's have the key 0 then.
func (t Type) KeyOptional() bool { return kinds[t].takes&noKey != 0 }

// Checksums reports whether headers of type t, or those in front of them, may have a checksum.
func (t Type) Checksums() bool { return kinds[t].takes&checksum != 0 }

// Numbers reports whether packets of type t may be numbered (Outer.Sequence).
func (t Type) Numbers() bool { return kinds[t].takes&sequence != 0 }

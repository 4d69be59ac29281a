package layout

import "math/bits"

// A SplitFlight is what the memory of chains in flight has about a split ring's descriptor (vhost-user, "Inflight
// I/O tracking": DescStateSplit). Its fields are in two words, so that noting a chain is two stores.
type SplitFlight struct {
	State   uint64 // in flight 8, - 40, next 16: of the last batch given back
	Counter uint64 // says which chain was taken first
}

// SplitState returns what State is for a descriptor.
func SplitState(inFlight bool, next uint16) uint64 { return flag(inFlight) | uint64(next)<<48 }

// InFlight reports whether a chain that begins here is taken; Next is the one given back before it.
func (e *SplitFlight) InFlight() bool { return uint8(e.State) != 0 }
func (e *SplitFlight) Next() uint16   { return uint16(e.State >> 48) }

// A PackedFlight is an entry of the memory of chains in flight for a packed ring: a copy of a descriptor, and for
// a chain's first one what is known of the chain (vhost-user, "Inflight I/O tracking": DescStatePacked). Its fields
// are in four words, so that noting a chain of one is four stores.
type PackedFlight struct {
	State   uint64 // in flight 8, - 8, next 16, last 16, number 16
	Counter uint64 // says which chain was taken first
	Rest    uint64 // of the descriptor: id 16, flags 16, length 32
	Addr    uint64
}

// PackedState returns what State is for an entry: next is the entry behind it, in its chain or among the free ones; last is
// the chain's last entry and number how many it has, which only counts for the first one.
func PackedState(inFlight bool, next, last, number uint16) uint64 {
	return flag(inFlight) | uint64(next)<<16 | uint64(last)<<32 | uint64(number)<<48
}

// InFlight reports whether a chain that begins here is taken; Next and Number are as for PackedState.
func (e *PackedFlight) InFlight() bool { return uint8(e.State) != 0 }
func (e *PackedFlight) Next() uint16   { return uint16(e.State >> 16) }
func (e *PackedFlight) Number() uint16 { return uint16(e.State >> 48) }

// Link changes what comes behind an entry.
func (e *PackedFlight) Link(next uint16) { e.State = e.State&^(0xffff<<16) | uint64(next)<<16 }

// Note copies a descriptor into the entry, and Desc returns it.
func (e *PackedFlight) Note(d Desc) { e.Rest, e.Addr = bits.RotateLeft64(d.Rest, 32), d.Addr }
func (e *PackedFlight) Desc() Desc  { return Desc{Addr: e.Addr, Rest: bits.RotateLeft64(e.Rest, 32)} }

func flag(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

package layout

// A SplitFlight is what the memory of chains in flight has about a split ring's descriptor (vhost-user, "Inflight
// I/O tracking": DescStateSplit).
type SplitFlight struct {
	InFlight uint8 // 1: a chain that begins here is taken
	_        [5]uint8
	Next     uint16 // of the last batch given back
	Counter  uint64 // says which chain was taken first
}

// A PackedFlight is an entry of the memory of chains in flight for a packed ring: a copy of a descriptor, and for
// a chain's first one what is known of the chain (vhost-user, "Inflight I/O tracking": DescStatePacked).
type PackedFlight struct {
	InFlight uint8 // 1: a chain that begins here is taken
	_        uint8
	Next     uint16 // entry of the chain, or free entry
	Last     uint16 // the chain's last entry
	Number   uint16 // the chain's entries
	Counter  uint64 // says which chain was taken first
	ID       uint16
	Flags    uint16
	Len      uint32
	Addr     uint64
}

package pmd

import "net/netip"

// A TunnelEnd is what of a device that is shared with the host's kernel belongs to the switch: unfragmented packets to
// an address, by UDP to a port, or of another protocol without ports.
type TunnelEnd struct {
	Addr  netip.Addr
	Proto uint8  // IP protocol
	Port  uint16 // of UDP; else 0
}

// A Sharer is a Port that leaves packets to the host's kernel if its options say so.
type Sharer interface {
	// Share makes ends all that the switch gets of the device; whatever else comes in, the kernel gets. Until the first
	// call the kernel gets everything. It may be called at any time, from any goroutine.
	Share(ends []TunnelEnd) error
}

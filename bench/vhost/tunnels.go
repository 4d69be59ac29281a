package main

import "net/netip"

// A way is how packets go in a row where they go one way: into a tunnel, out of one, or past all tunnels. The
// overlay's guest is at the first socket, the underlay at the second.
type way struct {
	tunnel string // its type; "": none
	out    bool   // of it
}

// Both ends of the tunnel, and its key, for both switches.
const tunnelKey = 42

var (
	nearEnd = netip.MustParseAddr("10.99.0.1") // the switch's
	farEnd  = netip.MustParseAddr("10.99.0.2")
	nearMAC = [6]byte{2, 0, 0, 0, 0x99, 1} // of Open vSwitch's bridge; Culvert's port says its own
	farMAC  = [6]byte{2, 0, 0, 0, 0x99, 2}
)

// tunnelPort is the number of the tunnel's port on the bridge of the overlay.
const tunnelPort = 3

// longestInner is the longest packet, with a frame check sequence, that goes into a tunnel over 1500 bytes.
const longestInner = 1454

// tunnelRows are those about tunnels, by rules that look at an address like those of exact matches.
func tunnelRows() []row {
	rows := []row{{name: "one way, no tunnel", way: &way{}, rules: []string{"ip,in_port=1,nw_dst=10.253.0.0/16,actions=output:2"}}}
	for _, typ := range []string{"vxlan", "geneve"} {
		rows = append(rows,
			row{name: "into " + typ, way: &way{tunnel: typ}, rules: []string{"ip,in_port=1,nw_dst=10.253.0.0/16,actions=output:3"}},
			row{name: "out of " + typ, way: &way{tunnel: typ, out: true}, rules: []string{"ip,in_port=3,nw_dst=10.253.0.0/16,actions=output:1"}})
	}
	return rows
}

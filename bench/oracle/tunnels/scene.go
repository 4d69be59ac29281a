package tunnels

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// A Scene is what both switches are given.
type Scene struct {
	Number  uint64
	VLAN    uint16   // of the underlay; 0: none
	TLVs    []string // tunnel options, in the syntax of ovs-ofctl add-tlv-map
	Tunnels []Tunnel
	Flows   []string // of the bridge br0
	Packets []Packet
}

// A Tunnel is a tunnel port of the bridge br0.
type Tunnel struct {
	Number  uint32
	Type    string   // Culvert's
	Options []string // name=value
}

// Name returns the port's name.
func (t *Tunnel) Name() string { return fmt.Sprint("t", t.Number) }

// v6 reports whether the tunnel is between IPv6 addresses.
func (t *Tunnel) v6() bool { return strings.Contains(strings.Join(t.Options, " "), "_ip=2001:") }

// A Packet comes in by a port.
type Packet struct {
	Port string
	Data []byte
}

// Ports of both switches, without tunnels.
var hosts = []string{"p1", "p2"}

const wan = "wan"

// Addresses of the underlay: this end's, and those at which tunnels end.
var (
	near4, near6 = netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("2001:db8:99::1")
	far4         = []netip.Addr{netip.MustParseAddr("10.99.0.2"), netip.MustParseAddr("10.99.0.3"), netip.MustParseAddr("10.99.0.4")}
	far6         = []netip.Addr{netip.MustParseAddr("2001:db8:99::2"), netip.MustParseAddr("2001:db8:99::3"), netip.MustParseAddr("2001:db8:99::4")}

	nearMAC = [6]byte{2, 0, 0, 0, 1, 1}
)

// mark is that of packets that there are routes for, beside those for packets without one. With another none go.
const mark = "5"

// farMAC is the Ethernet address that a far end has.
func farMAC(addr netip.Addr) [6]byte {
	b := addr.AsSlice()
	return [6]byte{2, 0, 0, 0, 2, b[len(b)-1]}
}

// Output is what left each port for one packet, in order.
type Output map[string][][]byte

// String returns the scene as text that tells how to set it up again.
func (s *Scene) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scene %d, VLAN %d\n", s.Number, s.VLAN)
	for _, o := range s.TLVs {
		fmt.Fprintf(&b, "tunnel option: %s\n", o)
	}
	for i := range s.Tunnels {
		t := &s.Tunnels[i]
		fmt.Fprintf(&b, "tunnel %d: %s %s\n", t.Number, t.Type, strings.Join(t.Options, " "))
	}
	for _, f := range s.Flows {
		fmt.Fprintf(&b, "flow: %s\n", f)
	}
	return b.String()
}

// String returns the packet's port and bytes.
func (p Packet) String() string { return p.Port + " " + hex.EncodeToString(p.Data) }

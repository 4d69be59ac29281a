package underlay

import (
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

// FuzzReceive throws packets at an underlay whose neighbours are known. None may make it send more than one packet of
// its own, longer than the packet by more than the headers of an error message, or let the table of neighbours grow.
func FuzzReceive(f *testing.F) {
	for _, pkt := range [][]byte{
		arp(1, 9, "10.0.0.9", "10.0.0.1"), arp(2, 9, "10.0.0.9", "10.0.0.1"), solicit(9, "fd00::9", "fd00::1"), solicit(9, "::", "fd00::1"),
		tagged(7, arp(1, 9, "10.0.0.9", "10.0.0.1")), to("10.0.0.9", "10.0.0.1", wire.ProtoUDP, 20), to("fd00::9", "fd00::1", wire.ProtoTCP, 20),
		to("fd00::9", "fd00::1", wire.ProtoFragment, 20), to("10.0.0.9", "10.0.0.1", wire.ProtoICMP, 9000),
		wire.NewND(mac(0xa1), mac(9), ip("fd00::9"), ip("fd00::1"), wire.NDAdvert, wire.NDSolicited, ip("fd00::9")),
	} {
		f.Add(pkt)
	}
	for _, pkt := range [][]byte{asks(1, "0.0.0.0", 0), asks(2, "239.1.1.1", 9), asks(3, "0.0.0.0", 255), asks(1, "::", 1), asks(2, "ff3e::7", 200)} {
		f.Add(pkt)
	}
	f.Fuzz(func(t *testing.T, pkt []byte) {
		b := newBench(t, onePort())
		b.SetGroups([]netip.Addr{ip("239.1.1.1"), ip("ff3e::7")})
		b.Tick()
		b.way("10.0.0.9", Asked.String())
		b.way("fd00::9", Asked.String())
		b.sent = nil
		known := b.neighbours.Len()
		b.Receive(1, pkt)
		if len(b.sent) > 1 || b.neighbours.Len() != known {
			t.Errorf("a packet of %d bytes makes us send %q; %d neighbours, %d before", len(pkt), b.sent, b.neighbours.Len(), known)
		}
	})
}

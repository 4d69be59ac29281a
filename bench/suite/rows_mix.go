package suite

import (
	"fmt"
	"net/netip"

	"github.com/culvertdev/culvert/bench/flood"
	"github.com/culvertdev/culvert/bench/gen/stream"
)

// mixRows are packets of other sizes and protocols, one way, by rules that look at an address.
func mixRows() []Row {
	mixed := fromGuest()
	mixed.Size = "imix"
	six := stream.Spec{
		Size: "84", Flows: flood.Packets, IPv6: true, Vary: []string{"source-port"},
		Destination: stream.Endpoint{Address: netip.MustParseAddr("fd00:2::1")}, Source: stream.Endpoint{Address: netip.MustParseAddr("fd00:1::1")},
	}
	tagged := fromGuest()
	tagged.Size, tagged.VLAN = "68", 42
	rows := []Row{
		{ID: "imix", Name: "IMIX", Traffic: oneWay("IPv4, UDP"), Prepare: flooded(mixed, false), Rules: []string{"ip,in_port=1,nw_dst=10.253.0.0/16,actions=output:2"}},
		{ID: "ipv6", Name: "IPv6, 84 bytes", Traffic: oneWay("IPv6, UDP"), Prepare: flooded(six, false), Rules: []string{"ipv6,in_port=1,ipv6_dst=fd00:2::/64,actions=output:2"}},
		{ID: "vlan", Name: "VLAN, 68 bytes", Traffic: oneWay("VLAN, IPv4, UDP"), Prepare: flooded(tagged, false),
			Rules: []string{fmt.Sprintf("ip,in_port=1,dl_vlan=%d,nw_dst=10.253.0.0/16,actions=output:2", tagged.VLAN)}},
	}
	rows[0].Traffic.Mix = "IMIX: 64, 594 and 1518 bytes, 7 to 4 to 1"
	rows[1].Traffic.FrameBytes, rows[2].Traffic.FrameBytes = 80, 64
	for i := range rows {
		rows[i].Contenders, rows[i].Measures, rows[i].Way, rows[i].Sized = both, floodMeasures(), byExact, true
	}
	return rows
}

package suite

import (
	"net/netip"

	"github.com/culvertdev/culvert/bench/flood"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

// longestInner is the longest packet, with a frame check sequence, that goes into a tunnel over 1500 bytes.
const longestInner = 1454

// measureOffered is what guests of this process offered.
const measureOffered = "offered"

func floodMeasures() []result.Measure {
	return append(rateMeasures(), result.Measure{Name: measureOffered, Unit: "packets/s", Better: result.Neither})
}

// oneWay is the traffic of a pump.
func oneWay(protocol string) result.Traffic {
	return result.Traffic{Protocol: protocol, Flows: flood.Packets, Directions: 1}
}

// fromGuest are frames whose addresses the rules below know.
func fromGuest() stream.Spec {
	return stream.Spec{
		Flows: flood.Packets, Source: stream.Endpoint{Address: netip.MustParseAddr("10.253.1.1")}, Destination: stream.Endpoint{Address: netip.MustParseAddr("10.253.0.1")},
		Vary: []string{"source-port"},
	}
}

// tunnelRows are those about tunnels, by rules that look at an address, and the row that they are set against.
func tunnelRows() []Row {
	rows := []Row{{
		ID: "one-way", Name: "one way, no tunnel", Contenders: both, Rules: []string{"ip,in_port=1,nw_dst=10.253.0.0/16,actions=output:2"},
		Traffic: oneWay("IPv4, UDP"), Measures: floodMeasures(), Prepare: flooded(fromGuest(), false), Way: byExact,
	}}
	for _, typ := range []string{"vxlan", "geneve"} {
		row := Row{
			Contenders: both, Traffic: oneWay("IPv4, UDP, " + typ + " over IPv4"), Measures: floodMeasures(), Way: byExact, Longest: longestInner,
			Scene: func(s *switches.Scene) { s.Tunnel = between(typ) },
		}
		in, out := row, row
		in.ID, in.Name, in.Prepare = typ+"-in", "into "+typ, flooded(fromGuest(), false)
		in.Rules = []string{"ip,in_port=1,nw_dst=10.253.0.0/16,actions=output:3"}
		out.ID, out.Name, out.Prepare = typ+"-out", "out of "+typ, flooded(fromGuest(), true)
		out.Rules = []string{"ip,in_port=3,nw_dst=10.253.0.0/16,actions=output:1"}
		rows = append(rows, in, out)
	}
	return rows
}

// between is a tunnel whose far end a guest plays.
func between(typ string) *switches.Tunnel {
	return &switches.Tunnel{
		Type: typ, Key: 42, Near: netip.MustParseAddr("10.99.0.1"), Far: netip.MustParseAddr("10.99.0.2"),
		NearMAC: [6]byte{2, 0, 0, 0, 0x99, 1}, FarMAC: [6]byte{2, 0, 0, 0, 0x99, 2},
	}
}

package suite

import (
	"time"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

// onDevices are the switches that have devices for ports.
var onDevices = []string{"culvert", "ovs-afxdp", "linux-bridge"}

// The measures of rows between hosts.
const (
	measureReceived  = "60-byte packets received"
	measureEach      = "CPU time a packet"
	measureUser      = "user time of the thread"
	measureKernel    = "kernel time of the thread"
	measureBulk      = "TCP, every byte compared"
	measureIperf     = "TCP by iperf3"
	measureKilobyte  = "CPU time a kilobyte of TCP"
	measureRoundTrip = "ping, round trip on average"

	// Of CPU time a kilobyte of TCP: the thread's, and what of the kernel's is in soft interrupts, the receiver's TCP among them.
	measureKilobyteUser   = "user time of the thread a kilobyte"
	measureKilobyteKernel = "kernel time of the thread a kilobyte"
	measureKilobyteSoft   = "soft interrupts a kilobyte"
)

// tcpMeasures are those of hosts of which each may be behind a tunnel. CPU times are those of the switch's whole CPU, soft interrupts included, unless they
// are called the thread's.
func tcpMeasures() []result.Measure {
	return []result.Measure{
		{Name: measureBulk, Unit: "bit/s", Better: result.More}, {Name: measureIperf, Unit: "bit/s", Better: result.More},
		{Name: measureKilobyte, Unit: "ns", Better: result.Less}, {Name: measureKilobyteUser, Unit: "ns", Better: result.Less},
		{Name: measureKilobyteKernel, Unit: "ns", Better: result.Less}, {Name: measureKilobyteSoft, Unit: "ns", Better: result.Less}, {Name: measureRoundTrip, Unit: "ns", Better: result.Less},
	}
}

func packetMeasures() []result.Measure {
	return []result.Measure{
		{Name: measureReceived, Unit: "packets/s", Better: result.More, Bounded: true}, {Name: measureOffered, Unit: "packets/s", Better: result.Neither},
		{Name: measureEach, Unit: "ns", Better: result.Less}, {Name: measureUser, Unit: "ns", Better: result.Less}, {Name: measureKernel, Unit: "ns", Better: result.Less},
	}
}

// innerMTU is that of a network in a VXLAN over IPv4 with an MTU of 1500.
const innerMTU = 1450

// deviceRows are those between hosts on veth pairs, by addresses that the switch learns.
func deviceRows() []Row {
	traffic := result.Traffic{Protocol: "IPv4, UDP", FrameBytes: 60, Flows: 1, Directions: 1}
	bulk := result.Traffic{Protocol: "IPv4, TCP and ICMP", FrameBytes: 1514, Flows: 1, Directions: 1}
	behind := bulk
	behind.FrameBytes = innerMTU + 14
	return []Row{
		{ID: "afxdp-packets", Name: "NORMAL on veth, 60-byte packets", Contenders: onDevices, Rules: normal, Devices: true, Traffic: traffic, Measures: packetMeasures(), Prepare: smallPackets, Takes: 2 * time.Second, Long: true},
		{ID: "afxdp-tcp", Name: "NORMAL on veth, TCP", Contenders: onDevices, Rules: normal, Devices: true, Traffic: bulk, Measures: tcpMeasures(), Prepare: bulkTCP, Takes: 6 * time.Second, Each: 2 * time.Second, Long: true},
		{
			ID: "afxdp-vxlan", Name: "NORMAL on veth, TCP into a VXLAN of a host's kernel", Contenders: onDevices, Rules: normal, Devices: true, Traffic: behind, Measures: tcpMeasures(), Prepare: bulkTCP,
			Takes: 6 * time.Second, Each: 2 * time.Second, Long: true, Scene: func(s *switches.Scene) { s.Tunnel = hostTunnel() },
		},
	}
}

package classifier

import "github.com/culvertdev/culvert/flowcache/flow"

// Stages of a look-up, in order.
const (
	stageMeta = iota // port, tunnel, registers: what exists beside the packet
	stageL2          // Ethernet, VLAN, MPLS
	stageL3          // IP, ARP, ND; TCP flags are here as well, as in OVS
	stageL4          // ports, ICMP type and code
	stages
)

// stageBits has the bits of each word of a key that belong to a stage. Every bit belongs to one.
var stageBits = func() (table [stages][keyWords]uint64) {
	for stage := range stages {
		var m flow.Mask
		for b := range m {
			for off := range m[b] {
				if stageOf(b, off) == stage {
					m[b][off] = 0xff
				}
			}
		}
		for i := range keyWords {
			table[stage][i] = load((*[flow.Blocks]flow.Block)(&m), i)
		}
	}
	return table
}()

// stageOf returns the stage that a byte of the key belongs to.
func stageOf(block, off int) int {
	switch {
	case block == flow.Net6:
		return stageL3
	case block == flow.Label:
		return stageL2
	case block != flow.Base || off < flow.OffEthDst || off >= flow.OffDPHash:
		return stageMeta
	case off < flow.OffIPFrag:
		return stageL2
	case off >= flow.OffL4Src && off < flow.OffTCPFlags:
		return stageL4
	}
	return stageL3
}

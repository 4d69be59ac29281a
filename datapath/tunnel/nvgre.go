package tunnel

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// fillNVGRE keeps out packets with a VLAN tag, which no frame inside has (RFC 7637 section 3.2).
func fillNVGRE(d *dispatch) action.Reason {
	if d.some(flow.FieldVLANTCI, flow.VLANPresent) != 0 {
		return action.BadTunnel
	}
	return 0
}

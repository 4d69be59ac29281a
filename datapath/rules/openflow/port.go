package openflow

// OpenFlow port numbers with a meaning of their own, in their 16-bit form (ovs-actions(7), "Port
// Specifications"; OpenFlow 1.0, enum ofp_port).
const (
	PortMax        = 0xfeff // greatest number a port can have; there is no port 0
	PortUnset      = 0xfff7 // no port: what actset_output is without an output
	PortInPort     = 0xfff8 // the port the packet came from
	PortTable      = 0xfff9 // looks the packet up in table 0
	PortNormal     = 0xfffa // as a learning switch would
	PortFlood      = 0xfffb // all but those with flooding off
	PortAll        = 0xfffc
	PortController = 0xfffd // the subscribers of packet-ins
	PortLocal      = 0xfffe // the bridge's own port
	PortNone       = 0xffff // no port: what bundle_load says when all are down
)

// canOutput reports whether a rule can name port in an output.
func canOutput(port uint32) bool {
	switch port {
	case PortInPort, PortTable, PortNormal, PortFlood, PortAll, PortLocal:
		return true
	}
	return port >= 1 && port <= PortMax
}

package openflow

import (
	"strconv"
	"strings"
)

// OpenFlow port numbers with a meaning of their own, in their 16-bit form (ovs-actions(7), "Port
// Specifications").
const (
	PortMax        = 0xfeff // greatest number a port can have; there is no port 0
	PortInPort     = 0xfff8 // the port the packet came from
	PortTable      = 0xfff9
	PortNormal     = 0xfffa // as a learning switch would
	PortFlood      = 0xfffb // all but those with flooding off
	PortAll        = 0xfffc
	PortController = 0xfffd
	PortLocal      = 0xfffe // the bridge's own port
	PortNone       = 0xffff
)

// A reservedPort is a port number that goes by a name.
type reservedPort struct {
	number uint32
	name   string
}

// reservedPorts returns the reserved ports.
func reservedPorts() [9]reservedPort {
	return [...]reservedPort{
		{PortInPort, "IN_PORT"}, {PortTable, "TABLE"}, {PortNormal, "NORMAL"}, {PortFlood, "FLOOD"}, {PortAll, "ALL"},
		{PortController, "CONTROLLER"}, {PortLocal, "LOCAL"}, {PortNone, "NONE"}, {PortNone, "ANY"},
	}
}

// PortNames finds the number of a port by its name. A nil PortNames knows none.
type PortNames func(name string) (number uint32, ok bool)

// parsePort reads a port: a number, a reserved name in any case, or the name of a port, in double
// quotes if it wants.
func parsePort(s string, names PortNames) (uint32, bool) {
	if n, err := strconv.ParseUint(s, 0, 32); err == nil {
		if n >= 0xffffff00 { // OpenFlow 1.1's reserved numbers
			n &= 0xffff
		}
		return uint32(n), n <= PortMax || n >= PortInPort && n <= PortNone
	}
	for _, r := range reservedPorts() {
		if strings.EqualFold(s, r.name) {
			return r.number, true
		}
	}
	if names == nil {
		return 0, false
	}
	if q, err := strconv.Unquote(s); err == nil && s[0] == '"' {
		s = q
	}
	return names(s)
}

// appendPort writes a port as ovs-ofctl does: reserved ones by name, others by number.
func appendPort(b []byte, port uint32) []byte {
	for _, r := range reservedPorts() {
		if r.number == port {
			return append(b, r.name...)
		}
	}
	return strconv.AppendUint(b, uint64(port), 10)
}

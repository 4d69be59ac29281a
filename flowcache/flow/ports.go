package flow

import (
	"fmt"
	"strconv"
	"strings"
)

// A reservedPort is a port number with a meaning of its own.
type reservedPort struct {
	name   string
	number uint32
}

// unset is the port that is none (OpenFlow 1.5).
const unset = 0xfff7

// reservedPorts are the reserved ports (OpenFlow 1.0, enum ofp_port; UNSET from OpenFlow 1.5). Of two
// names for a number the first is printed.
var reservedPorts = [...]reservedPort{
	{"UNSET", unset},
	{"IN_PORT", 0xfff8},
	{"TABLE", 0xfff9},
	{"NORMAL", 0xfffa},
	{"FLOOD", 0xfffb},
	{"ALL", 0xfffc},
	{"CONTROLLER", 0xfffd},
	{"LOCAL", 0xfffe},
	{"ANY", 0xffff},
	{"NONE", 0xffff},
}

// OpenFlow 1.1 and later have 32 bits for a port and the reserved ones at their end.
const (
	maxPort     = 0xffff
	reserved32  = 0xffffff00 // first of the last 256 numbers
	offset32    = 0xffff0000 // from a reserved port of 16 bits to the same of 32
	portNumbers = "a port number (0 to 65535), a reserved port such as LOCAL, or the name of a port"
)

// ParsePort parses a port: a number, the name of a reserved port in any case, or a name that ports
// knows, which may be in double quotes.
func ParsePort(s string, ports PortNames) (uint32, error) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		if n >= reserved32 {
			n -= offset32
		}
		if n > maxPort {
			return 0, fmt.Errorf("want %s, found %q", portNumbers, s)
		}
		return uint32(n), nil
	}
	for _, r := range reservedPorts {
		if strings.EqualFold(s, r.name) {
			return r.number, nil
		}
	}
	name := s
	if strings.HasPrefix(s, `"`) {
		unquoted, err := strconv.Unquote(s)
		if err != nil {
			return 0, fmt.Errorf("want %s, found %s", portNumbers, s)
		}
		name = unquoted
	}
	if ports != nil {
		if n, ok := ports.PortNumber(name); ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("want %s, found %q", portNumbers, s)
}

// AppendPort appends a port as ParsePort takes it: the name of a reserved port, the name ports has for
// it, or the number.
func AppendPort(dst []byte, port uint32, ports PortNames) []byte {
	for _, r := range reservedPorts {
		if r.number == port {
			return append(dst, r.name...)
		}
	}
	if ports != nil {
		if name, ok := ports.PortName(port); ok {
			if plainName(name) {
				return append(dst, name...)
			}
			return strconv.AppendQuote(dst, name)
		}
	}
	return strconv.AppendUint(dst, uint64(port), 10)
}

// plainName reports whether a port's name can stand without quotes.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '.') {
			return false
		}
	}
	for _, r := range reservedPorts {
		if strings.EqualFold(s, r.name) {
			return false
		}
	}
	return s != ""
}

func parsePort(s string, ports PortNames) (Value, error) {
	n, err := ParsePort(s, ports)
	return UintValue(uint64(n)), err
}

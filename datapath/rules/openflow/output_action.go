package openflow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// OutputField sends the packet out of the port whose number a field has. Numbers beyond 65535 are no port.
type OutputField struct {
	Src flow.Subfield // of up to 64 bits
}

// OutputTrunc sends at most MaxLen bytes of the packet out of a port. Where Open vSwitch 3.1 drops what
// goes to IN_PORT this way, against ovs-actions(7), it goes out here.
type OutputTrunc struct {
	Port   uint32
	MaxLen uint32 // minTrunc or more
}

// minTrunc is the least number of bytes to truncate to: an Ethernet header.
const minTrunc = 14

func (a *OutputField) appendText(b []byte) []byte {
	return appendSubfield(append(b, "output:"...), a.Src)
}

func (a *OutputTrunc) appendText(b []byte) []byte {
	b = flow.AppendPort(append(b, "output(port="...), a.Port, nil)
	return fmt.Appendf(b, ",max_len=%d)", a.MaxLen)
}

// parseOutput reads the argument of output: a port, a field, or (port=port,max_len=bytes).
func parseOutput(arg argument) (Action, error) {
	if strings.Contains(arg.text, "max_len") {
		return parseOutputTrunc(arg)
	}
	port, err := flow.ParsePort(arg.text, arg.ports)
	if err != nil {
		src, err := flow.ParseSubfield(arg.text)
		if err != nil || src.Bits > 64 {
			return nil, fmt.Errorf("%w, or a field of up to 64 bits", errPort(arg.text))
		}
		return &OutputField{Src: src}, nil
	}
	return portAction(port, arg.text)
}

// portAction returns what sends to a port, which may be a reserved one. text is how it was written.
func portAction(port uint32, text string) (Action, error) {
	if port == PortController {
		return toEveryone(), nil
	}
	if !canOutput(port) {
		return nil, errPort(text)
	}
	return &Output{Port: port}, nil
}

func parseOutputTrunc(arg argument) (Action, error) {
	a := &OutputTrunc{}
	rest := arg.text
	for {
		var name, value string
		name, value, rest = flow.NextField(rest)
		var err error
		switch name {
		case "port":
			a.Port, err = flow.ParsePort(value, arg.ports)
			if err == nil && a.Port != PortInPort && a.Port != PortLocal && (a.Port == 0 || a.Port > PortMax) {
				err = fmt.Errorf("want a port number of 1 to %d, a port name, in_port or local, found %q", PortMax, value)
			}
		case "max_len":
			var n uint64
			if n, err = strconv.ParseUint(value, 0, 32); err != nil || n < minTrunc {
				err = fmt.Errorf("want a number of bytes of %d or more, found %q", minTrunc, value)
			}
			a.MaxLen = uint32(n)
		case "":
			if a.Port == 0 || a.MaxLen == 0 || strings.TrimSpace(rest) != "" {
				return nil, fmt.Errorf("want (port=port,max_len=bytes), found %q", arg.text)
			}
			return a, nil
		default:
			err = fmt.Errorf("want port or max_len, found an unknown word")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}

// outputField sends the packet out of the port that a field names.
func (x *xlate) outputField(a *OutputField) {
	port := x.readUint(a.Src)
	if port > 0xffff || port != PortController && !canOutput(uint32(port)) {
		x.because(action.NoPort)
		if x.q.Trace != nil {
			x.trace(x.level()+1, "-> output port %d is out of range", port)
		}
		return
	}
	if x.q.Trace != nil {
		x.trace(x.level()+1, "-> output port is %d", port)
	}
	x.outputAction(uint32(port))
}

// outputTrunc sends the front of the packet out of a port.
func (x *xlate) outputTrunc(a *OutputTrunc) {
	x.trunc = a.MaxLen
	x.outputAction(a.Port)
	x.trunc = 0
}

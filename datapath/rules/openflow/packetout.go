package openflow

import (
	"errors"
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A PacketOut is a packet that a controller gives the bridge, and what is to be done with it.
type PacketOut struct {
	InPort  uint32     // OpenFlow number; PortController: none of the bridge's
	Meta    flow.Match // registers, metadata and tunnel fields that it has from the start
	Packet  []byte     // from the Ethernet header on
	Actions []Action   // without instructions
}

// ParsePacketOut reads the argument of ovs-ofctl packet-out: in_port=PORT, packet=HEX, registers, metadata and
// tunnel fields, then actions=. Without in_port it is the controller. An error is a [*SyntaxError].
func (p Parser) ParsePacketOut(s string) (PacketOut, error) {
	out := PacketOut{InPort: PortController}
	for rest := s; ; {
		rest = strings.TrimLeft(rest, ", \t\r\n")
		at := len(s) - len(rest)
		if text, ok := cutActions(rest); ok {
			if out.Packet == nil {
				return out, &SyntaxError{Col: at + 1, Problem: "want packet=hex digits before the actions, found none"}
			}
			return out, out.parseActions(text, len(s)-len(text), p)
		}
		var name, value string
		name, value, rest = flow.NextField(rest)
		if name == "" {
			return out, &SyntaxError{Col: at + 1, Problem: "want in_port=port, packet=hex digits and actions=, found no actions"}
		}
		if err := out.parseField(name, value, p); err != nil {
			return out, &SyntaxError{Col: at + 1, Problem: fmt.Sprintf("%s: %v", name, err)}
		}
	}
}

func (o *PacketOut) parseField(name, value string, p Parser) (err error) {
	switch name {
	case "in_port":
		o.InPort, err = flow.ParsePort(value, p.Ports)
	case "packet":
		o.Packet, err = parseHex(value)
	default:
		f, known := flow.FieldByName(name)
		if !known || !isPipeline(f) {
			return errors.New("want in_port, packet, a register, metadata, a tunnel field or actions, found another word")
		}
		_, err = o.Meta.ParseField(name, value, p.names())
	}
	return err
}

func (o *PacketOut) parseActions(text string, at int, p Parser) error {
	list, where, err := parseList(text, p.Ports, 0)
	if err == nil {
		if i, bad := checkNested(list); bad != nil {
			err = &SyntaxError{Col: where[i] + 1, Problem: bad.Error()}
		}
	}
	var se *SyntaxError
	if errors.As(err, &se) {
		se.Col += at
	}
	o.Actions = list
	return err
}

// SendPacket does with a packet what its actions say. It is on its way when the call returns. Errors:
// ErrNoSwitch; no such port, group or tunnel option; too many contexts; those of rules.Sender.
func (t *Table) SendPacket(o *PacketOut) error {
	f := Flow{Actions: o.Actions}
	if err := f.CheckOptions(t.TunnelOptions()); err != nil {
		return err
	}
	if err := o.Meta.CheckOptions(t.TunnelOptions()); err != nil {
		return err
	}
	t.mu.RLock()
	err := checkGroups(o.Actions, t.groups)
	t.mu.RUnlock()
	if err != nil {
		return err
	}
	var own flow.Key
	copy(own[flow.Tunnel:flow.Regs], o.Meta.Key[flow.Tunnel:flow.Regs])
	return t.goOn(o.frozen(), o.InPort, &own, o.Packet)
}

// frozen returns a translation that begins with the actions.
func (o *PacketOut) frozen() *frozen {
	f := &frozen{rest: []segment{{actions: o.Actions, by: noRule}}}
	var work flow.Key
	var written flow.Mask
	copy(work[flow.FastBlocks:], o.Meta.Key[flow.FastBlocks:])
	work.SetUint(flow.FieldActsetOutput, PortUnset)
	work.SetUint(flow.FieldInPort, uint64(o.InPort))
	written.SetExact(flow.FieldInPort)
	f.metadata(&work, &written)
	return f
}

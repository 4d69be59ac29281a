package openflow

import (
	"fmt"
	"strconv"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// An Action is one OpenFlow action or instruction of a rule: one of the types below. The set is closed;
// a new action is a type here, an entry in the parser's table and a case in the translation.
type Action interface {
	// appendText appends the action as ovs-ofctl writes it.
	appendText(b []byte) []byte
}

// Output sends the packet out of a port. It writes nothing to the port the packet came from, which
// takes InPort.
type Output struct {
	Port uint32 // OpenFlow number or one of the reserved ones
}

// Move copies bits of one field to another.
type Move struct {
	Src, Dst flow.Subfield // of the same width
}

// PushVLAN adds an outer VLAN tag with VLAN ID 0 and priority 0.
type PushVLAN struct {
	TPID uint16 // 0x8100 or 0x88a8
}

// PopVLAN removes the outer VLAN tag, if there is one.
type PopVLAN struct {
	Strip bool // written strip_vlan
}

// DecTTL decrements the TTL or hop limit of IP packets. A TTL below 2 ends the rule's actions.
type DecTTL struct {
	IDs []uint16 // of the controllers to tell of it; none: 0
}

// Resubmit looks the packet up in a table and does what it finds there, then goes on.
type Resubmit struct {
	Port  uint32 // in_port for that look-up; PortInPort: the packet's
	Table uint8  // NoTable: the one the action stands in
}

// NoTable is no table: there are 255, from 0.
const NoTable = 255

// GotoTable goes on in a later table. It is an instruction and comes last.
type GotoTable struct {
	Table uint8
}

// Exit ends translation.
type Exit struct{}

// within returns the actions that stand within another.
func within(a Action) []Action {
	switch a := a.(type) {
	case *Clone:
		return a.Actions
	case *WriteActions:
		return a.Actions
	}
	return nil
}

// AppendActions appends a list of actions as ovs-ofctl writes it: "drop" if it is empty.
func AppendActions(b []byte, list []Action) []byte {
	if len(list) == 0 {
		return append(b, "drop"...)
	}
	for i, a := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.appendText(b)
	}
	return b
}

func (a *Output) appendText(b []byte) []byte {
	if a.Port <= PortMax {
		b = append(b, "output:"...)
	}
	return flow.AppendPort(b, a.Port, nil)
}

func (a *Move) appendText(b []byte) []byte {
	b = append(b, "move:"...)
	b = appendSubfield(b, a.Src)
	b = append(b, "->"...)
	return appendSubfield(b, a.Dst)
}

func (a *PushVLAN) appendText(b []byte) []byte { return fmt.Appendf(b, "push_vlan:0x%04x", a.TPID) }

func (a *PopVLAN) appendText(b []byte) []byte {
	if a.Strip {
		return append(b, "strip_vlan"...)
	}
	return append(b, "pop_vlan"...)
}

func (a *DecTTL) appendText(b []byte) []byte {
	b = append(b, "dec_ttl"...)
	if len(a.IDs) == 0 {
		return b
	}
	for i, id := range a.IDs {
		b = append(b, "(,"[min(i, 1)])
		b = strconv.AppendUint(b, uint64(id), 10)
	}
	return append(b, ')')
}

func (a *Resubmit) appendText(b []byte) []byte {
	if a.Table == NoTable {
		return flow.AppendPort(append(b, "resubmit:"...), a.Port, nil)
	}
	b = append(b, "resubmit("...)
	if a.Port != PortInPort {
		b = flow.AppendPort(b, a.Port, nil)
	}
	b = append(b, ',')
	b = strconv.AppendUint(b, uint64(a.Table), 10)
	return append(b, ')')
}

func (a *GotoTable) appendText(b []byte) []byte {
	return strconv.AppendUint(append(b, "goto_table:"...), uint64(a.Table), 10)
}

func (*Exit) appendText(b []byte) []byte { return append(b, "exit"...) }

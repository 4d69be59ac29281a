package openflow

import (
	"fmt"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// WriteActions puts actions into the packet's action set, which is carried out when the tables are
// through with it. It is an instruction.
type WriteActions struct {
	Actions []Action
}

// ClearActions empties the action set. It is an instruction.
type ClearActions struct{}

func (a *WriteActions) appendText(b []byte) []byte {
	return append(AppendActions(append(b, "write_actions("...), a.Actions), ')')
}

func (*ClearActions) appendText(b []byte) []byte { return append(b, "clear_actions"...) }

// parseWriteActions reads the actions; none are no instruction at all.
func parseWriteActions(arg argument) (Action, error) {
	list, err := arg.list()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	for _, a := range list {
		if setSlotOf(a) == slotNone {
			return nil, fmt.Errorf("want actions that an action set can hold, found %q", actionName(a))
		}
	}
	return &WriteActions{Actions: list}, nil
}

func parseClearActions(arg argument) (Action, error) { return &ClearActions{}, arg.none() }

// A setSlot is an action's place in an action set, which is carried out in this order. Of each slot it
// has one action, the one written last; of slotSet all, in the order they were written; of slotFinal
// the one of the highest rank (ovs-actions(7), "Action Sets"; OpenFlow 1.5.1, section 5.6).
type setSlot int

const (
	slotNone setSlot = iota // cannot be in an action set
	slotPopVLAN
	slotPopMPLS
	slotPushMPLS
	slotPushVLAN
	slotDecTTL
	slotDecMPLSTTL
	slotSet
	slotQueue
	slotFinal
)

// setSlotOf returns the slot of an action.
func setSlotOf(a Action) setSlot {
	switch a.(type) {
	case *PopVLAN:
		return slotPopVLAN
	case *PopMPLS:
		return slotPopMPLS
	case *PushMPLS:
		return slotPushMPLS
	case *DecMPLSTTL:
		return slotDecMPLSTTL
	case *PushVLAN:
		return slotPushVLAN
	case *DecTTL:
		return slotDecTTL
	case *SetField, *SetOption, *Move:
		return slotSet
	case *SetQueue:
		return slotQueue
	}
	if finalRank(a) > 0 {
		return slotFinal
	}
	return slotNone
}

// finalRank orders the actions of slotFinal: the highest one is carried out. 0 is none of them.
func finalRank(a Action) int {
	switch a := a.(type) {
	case *GroupAction:
		return 3
	case *Output:
		return 2
	case *Controller: // written as an output
		if a.plain() {
			return 2
		}
	case *Resubmit:
		return 1
	}
	return 0
}

// ordered returns what of an action set is carried out, in that order.
func ordered(set []Action) []Action {
	var list []Action
	for slot := slotPopVLAN; slot <= slotFinal; slot++ {
		var last Action
		for _, a := range set {
			switch {
			case setSlotOf(a) != slot:
			case slot == slotSet:
				list = append(list, a)
			case slot != slotFinal || last == nil || finalRank(a) >= finalRank(last):
				last = a
			}
		}
		if last != nil {
			list = append(list, last)
		}
	}
	return list
}

func (x *xlate) writeActions(a *WriteActions) {
	x.set = append(x.set, a.Actions...)
	x.noteSetOutput()
	if x.q.Trace != nil {
		x.trace(x.level()+1, "-> action set is: %s", AppendActions(nil, ordered(x.set)))
	}
}

func (x *xlate) clearActions() {
	x.set = nil
	x.noteSetOutput()
}

// noteSetOutput keeps actset_output: the port of the set's output.
func (x *xlate) noteSetOutput() {
	port := uint32(PortUnset)
	for _, a := range x.set {
		if out, ok := a.(*Output); ok {
			port = out.Port
		}
	}
	x.setActsetOutput(port)
}

func (x *xlate) setActsetOutput(port uint32) {
	b := [4]byte{byte(port >> 24), byte(port >> 16), byte(port >> 8), byte(port)}
	x.write(flow.FieldActsetOutput, b[:], []byte{0xff, 0xff, 0xff, 0xff})
}

// runSet carries out the action set at the end of a packet's way. After exit it does not, as OVS 3.1 does
// not, whatever ovs-actions(7) says.
func (x *xlate) runSet() {
	if len(x.set) == 0 || x.failed || x.exit {
		return
	}
	list := ordered(x.set)
	x.set = nil
	x.trace(0, "--. Executing action set:")
	x.run(list)
}

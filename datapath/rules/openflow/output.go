package openflow

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// outputAction sends the packet where an output action says.
func (x *xlate) outputAction(port uint32) {
	switch port {
	case PortNormal:
		x.normal()
	case PortTable:
		x.enter(0)
	case PortAll, PortFlood:
		x.flood()
	case PortInPort:
		x.outputNumber(uint32(x.work.Uint(flow.FieldInPort)))
	default:
		if uint64(port) == x.work.Uint(flow.FieldInPort) {
			x.because(action.NoTarget)
			x.trace(x.level(), ">> skipping output to input port")
			return
		}
		x.outputNumber(port)
	}
}

// outputNumber sends the packet to a port by its OpenFlow number.
func (x *xlate) outputNumber(number uint32) {
	x.v.Tags |= x.t.portTag(number)
	port := x.t.ports.byNumber[number]
	if port == nil {
		x.because(action.NoPort)
		if x.q.Trace != nil {
			x.trace(x.level(), ">> Nonexistent output port %d", number)
		}
		return
	}
	x.output(port)
}

// output brings the packet up to date and sends it.
func (x *xlate) output(port *rules.Port) {
	if len(x.v.Actions.Words()) > maxProgram {
		x.fail(action.TooManyActions)
		return
	}
	x.commit()
	if x.trunc != 0 {
		x.v.Actions.Trunc(x.trunc)
	}
	x.v.Actions.Output(port.ID)
	x.outputs++
}

// flood sends the packet to all ports but the one it came from.
func (x *xlate) flood() {
	x.v.Tags |= x.t.portsTag()
	in := uint32(x.work.Uint(flow.FieldInPort))
	none := true
	for i := range x.t.ports.list {
		if port := &x.t.ports.list[i]; port.Number != in {
			x.output(port)
			none = false
		}
	}
	if none {
		x.because(action.NoTarget)
	}
}

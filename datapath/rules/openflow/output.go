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
	case PortController:
		x.toController(toEveryone())
	case PortTable:
		x.enter(0)
	case PortAll:
		x.flood(0)
	case PortFlood:
		x.flood(rules.NoFlood)
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
		x.trace(x.level(), ">> Nonexistent output port")
		return
	}
	x.output(port)
}

// barred reports whether a port's settings keep the packet from going out of it.
func (x *xlate) barred(port *rules.Port) bool {
	switch {
	case port.Flags&(rules.PortDown|rules.NoForward) != 0:
		x.because(action.PortNoForward)
		x.trace(x.level(), "-> port does not forward, skipping output")
		return true
	case port.Protected:
		number := uint32(x.work.Uint(flow.FieldInPort))
		x.v.Tags |= x.t.portTag(number)
		if in := x.t.ports.byNumber[number]; in != nil && in.Protected {
			x.because(action.ProtectedPort)
			x.trace(x.level(), "-> flow is between protected ports, skipping output")
			return true
		}
	}
	return false
}

// output brings the packet up to date and sends it, unless the port's settings forbid it.
func (x *xlate) output(port *rules.Port) {
	if x.barred(port) {
		return
	}
	x.emit(port)
	x.mirrorEgress(x.t.ports.place(port))
}

// emit brings the packet up to date and sends it.
func (x *xlate) emit(port *rules.Port) {
	if len(x.v.Actions.Words()) > maxProgram {
		x.fail(action.TooManyActions)
		return
	}
	if port.Tunnel != nil {
		x.outputTunnel(port)
		return
	}
	x.commit()
	if x.trunc != 0 {
		x.v.Actions.Trunc(x.trunc)
	}
	x.v.Actions.Output(port.ID)
	x.outputs++
}

// flood sends the packet to all ports but the one it came from and those with one of the flags.
func (x *xlate) flood(except rules.PortFlags) {
	x.v.Tags |= x.t.portsTag()
	in := uint32(x.work.Uint(flow.FieldInPort))
	x.switched = true
	defer func() { x.switched = false }()
	none := true
	for i := range x.t.ports.list {
		if port := &x.t.ports.list[i]; port.Number != in && port.Flags&except == 0 {
			x.output(port)
			none = false
		}
	}
	if none {
		x.because(action.NoTarget)
	}
}

package openflow

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// run carries out a list of actions.
func (x *xlate) run(list []Action) {
	if len(list) == 0 {
		x.trace(x.level(), "drop")
	}
	for i, a := range list {
		if x.q.Trace != nil {
			x.traceAction(a)
		}
		on := true
		if x.inside && x.looksInside(a) {
			x.recirculateBefore(stopRecirc)
		} else {
			on = x.do(a)
		}
		if x.stop != stopNot {
			x.left(list, i)
		}
		if !on || x.stopped() {
			return
		}
	}
}

// do carries out one action and reports whether the list goes on.
func (x *xlate) do(a Action) bool {
	if x.rec != nil && !repeats(a) {
		x.spoil()
	}
	switch a := a.(type) {
	case *Output:
		x.outputAction(a.Port)
	case *Controller:
		x.toController(a)
	case *OutputField:
		x.outputField(a)
	case *OutputTrunc:
		x.outputTrunc(a)
	case *Enqueue:
		x.outputAction(a.Port)
	case *DeleteField:
		x.deleteField(a)
	case *SetOption:
		x.setOption(a)
	case *SetField:
		x.setField(a)
	case *Move:
		x.move(a)
	case *Push:
		x.push(a)
	case *Pop:
		x.pop(a)
	case *PushVLAN:
		x.pushVLAN(a.TPID, flow.VLANPresent)
	case *PopVLAN:
		x.popVLAN()
	case *PushMPLS:
		x.pushMPLS(a.Type)
	case *PopMPLS:
		x.popMPLS(a.Type)
	case *DecMPLSTTL:
		return x.decMPLSTTL()
	case *DecTTL:
		return x.decTTL(a)
	case *Resubmit:
		x.resubmit(a)
	case *ClearActions:
		x.clearActions()
	case *WriteActions:
		x.writeActions(a)
	case *WriteMetadata:
		x.writeMetadata(a)
	case *GotoTable:
		x.enter(a.Table)
	case *CheckLarger:
		x.checkLarger(a)
	case *Multipath:
		x.multipath(a)
	case *Bundle:
		x.bundle(a)
	case *GroupAction:
		x.group(a.ID)
	case *Clone:
		x.clone(a)
	case *MeterAction:
		x.meter(a.ID)
	case *Learn:
		x.learnFlow(a)
	case *FinTimeout:
		x.finTimeout(a)
	case *Exit:
		x.exit = true
	}
	return true
}

// resubmit looks the packet up again. in_port is what the action says for the look-up only: rules found
// see the packet's own when they act (ovs-actions(7), "The resubmit action").
func (x *xlate) resubmit(a *Resubmit) {
	table := a.Table
	if table == NoTable {
		table = x.table
	}
	if a.Port == PortInPort || uint64(a.Port) == x.work.Uint(flow.FieldInPort) {
		x.enter(table)
		return
	}
	if !x.mayEnter(table) {
		return
	}
	port, touched := x.work.Uint(flow.FieldInPort), x.touched
	x.work.SetUint(flow.FieldInPort, uint64(a.Port))
	x.touch(flow.Base, flow.OffInPort, 4)
	r := x.match(table)
	x.work.SetUint(flow.FieldInPort, port)
	x.touched = touched
	x.found(table, r)
}

// enter looks the packet up in another table, within the limits.
func (x *xlate) enter(table uint8) {
	if x.mayEnter(table) {
		x.found(table, x.match(table))
	}
}

// mayEnter checks the limits.
func (x *xlate) mayEnter(table uint8) bool {
	switch {
	case x.depth >= maxDepth:
		x.fail(action.TooDeep)
	case x.resubmits >= maxResubmits:
		x.fail(action.TooManyResubmits)
	default:
		return true
	}
	return false
}

// found runs the rule that a look-up in table found, nil if it found none. Going on to a later table
// does not deepen: that ends by itself.
func (x *xlate) found(table uint8, r *rule) {
	before := x.table
	deeper := 0
	if table <= before {
		deeper = 1
	}
	x.resubmits++
	x.depth += deeper
	x.nested++
	x.table = table
	x.runRule(r)
	x.table = before
	x.nested--
	x.depth -= deeper
}

// runRule carries out a rule's actions, nil's being none.
func (x *xlate) runRule(r *rule) {
	if r == nil {
		x.because(action.NoMatch)
		if x.q.Trace != nil {
			x.trace(x.nested, "%2d. No match.", x.table)
		}
		x.trace(x.level(), "drop")
		return
	}
	x.because(action.ByRule)
	x.v.Trail = append(x.v.Trail, ruleWord(r))
	if x.q.Trace != nil {
		x.traceRule(r)
	}
	cookie, by := x.cookie, x.by
	x.cookie, x.by = r.Cookie, ruleWord(r)
	x.run(r.Actions)
	x.cookie, x.by = cookie, by
}

// decTTL decrements the TTL and reports whether the rule's actions go on: they do not for a packet
// whose time has come. Rules further out go on.
func (x *xlate) decTTL(a *DecTTL) bool {
	if !x.need(flow.NeedIP) {
		return true
	}
	x.see(flow.FieldIPTTL)
	ttl := x.work.Uint(flow.FieldIPTTL)
	if ttl <= 1 {
		x.because(action.TTLExpired)
		if x.q.Trace != nil {
			x.trace(x.level(), ">> TTL %d, stopping", ttl)
		}
		x.invalidTTL(a.IDs)
		return false
	}
	x.write(flow.FieldIPTTL, []byte{byte(ttl - 1)}, []byte{0xff})
	return true
}

// setField writes to a field, if the packet has it.
func (x *xlate) setField(a *SetField) {
	info := a.Field.Info()
	f := a.Field
	switch f {
	case flow.FieldVLANTCI, flow.FieldVLANVID, flow.FieldVLANPCP, flow.FieldDLVLAN, flow.FieldDLVLANPCP:
		x.setVLANField(f, be16(a.Value[:]), be16(a.Mask[:]))
		return
	case flow.FieldTCPSrc, flow.FieldTCPDst:
		if a.Form == FormMod {
			f = x.portField(f)
		}
	}
	if !x.need(f.Info().Need) {
		if x.q.Trace != nil {
			x.trace(x.level(), "-> the packet has no %s", f.Info().Name)
		}
		return
	}
	x.write(f, a.Value[:info.Size], a.Mask[:info.Size])
}

// portField returns the field that a port of TCP, UDP or SCTP is, whichever the packet is.
func (x *xlate) portField(f flow.FieldID) flow.FieldID {
	if !x.need(flow.NeedIP) {
		return f
	}
	x.see(flow.FieldIPProto)
	dst := f == flow.FieldTCPDst
	switch x.work.Uint(flow.FieldIPProto) {
	case wire.ProtoUDP:
		f = flow.FieldUDPSrc
	case wire.ProtoSCTP:
		f = flow.FieldSCTPSrc
	default:
		return f
	}
	if dst {
		f++ // the destination follows the source in FieldID
	}
	return f
}

// move copies bits from field to field, if the packet has both.
func (x *xlate) move(a *Move) {
	if !x.need(a.Src.Field.Info().Need) || !x.need(a.Dst.Field.Info().Need) {
		return
	}
	if a.Src.Bits > 128 { // only tunnel options are as long
		var value [maxOption]byte
		x.readOption(a.Src, value[:])
		x.loadToOption(a.Dst, value[:])
		return
	}
	if x.moveNumber(a) {
		return
	}
	x.spoil()
	value := x.read(a.Src)
	x.load(a.Dst, &value)
	x.traceLoaded(a.Dst, value)
}

func be16(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

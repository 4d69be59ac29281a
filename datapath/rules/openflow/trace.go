package openflow

import (
	"fmt"
	"net"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// level is the depth of what belongs to the current rule: one more than that of the rule itself, which
// stands beside the action that led to it. A remark on an action has the action's own level.
func (x *xlate) level() int { return x.nested + 1 }

// trace tells the tracer, if there is one. Callers in loops ask first, for the sake of the arguments.
func (x *xlate) trace(depth int, format string, args ...any) {
	if x.q.Trace != nil {
		x.q.Trace.Step(depth, fmt.Sprintf(format, args...))
	}
}

// traceRule tells which rule matched, as ofproto/trace does.
func (x *xlate) traceRule(r *rule) {
	b := fmt.Appendf(nil, "%2d. ", r.Table)
	if match := r.Match.String(); match != "" {
		b = append(append(b, match...), ", "...)
	}
	b = fmt.Appendf(b, "priority %d", r.Priority)
	if r.Cookie != 0 {
		b = fmt.Appendf(b, ", cookie 0x%x", r.Cookie)
	}
	x.q.Trace.Step(x.nested, string(b))
}

// traceFinal tells what the packet has become.
func (x *xlate) traceFinal() {
	if t, ok := x.q.Trace.(rules.FlowTracer); ok {
		key := x.work // a copy, lest every translation be on the heap
		t.Final(&key)
	}
}

func (x *xlate) traceAction(a Action) { x.q.Trace.Step(x.level(), string(a.appendText(nil))) }

// traceLoaded tells what part of a field has become.
func (x *xlate) traceLoaded(dst flow.Subfield, value [16]byte) {
	if x.q.Trace == nil {
		return
	}
	b := append(appendSubfield([]byte("-> "), dst), " is now "...)
	if dst.Field.Info().Kind == flow.MAC && dst.Bits == 48 {
		b = fmt.Appendf(b, "%v", net.HardwareAddr(value[10:]))
	} else {
		b = appendBits(b, value[:], 0, int(dst.Bits))
	}
	x.trace(x.level(), "%s", b)
}

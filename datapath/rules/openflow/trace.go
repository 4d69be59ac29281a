package openflow

import "fmt"

// level is the depth of what belongs to the current rule.
func (x *xlate) level() int { return x.depth + 1 }

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
	x.q.Trace.Step(x.depth, string(b))
}

func (x *xlate) traceAction(a Action) { x.q.Trace.Step(x.level(), string(a.appendText(nil))) }

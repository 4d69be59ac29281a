package openflow

import (
	"fmt"
	"strconv"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// DefaultPriority is the priority of a flow that names none.
const DefaultPriority = 32768

// A Flow is a rule as a user writes it.
type Flow struct {
	Table       uint8 // 0 to 254
	Priority    uint16
	Cookie      uint64
	IdleTimeout uint16 // seconds without a packet after which it goes; 0: never
	HardTimeout uint16 // seconds after which it goes; 0: never
	Importance  uint16 // flows of lower importance are evicted first: see Limit
	Flags       Flags
	Match       flow.Match
	Actions     []Action // empty: drop

	options *flow.TLVMap // what the tun_metadata fields of Match are; nil if it has none
}

// String returns the flow as ParseFlow takes it, in the form of ovs-ofctl dump-flows --no-stats.
func (f *Flow) String() string { return string(f.append(nil, nil)) }

func (f *Flow) append(b []byte, names flow.PortNames) []byte {
	if f.Cookie != 0 {
		b = fmt.Appendf(b, "cookie=0x%x, ", f.Cookie)
	}
	if f.Table != 0 {
		b = fmt.Appendf(b, "table=%d, ", f.Table)
	}
	return f.appendRule(f.appendRest(f.appendTimeouts(b)), names)
}

// appendRule appends priority, match and actions, with the names of ports if there are any.
func (f *Flow) appendRule(b []byte, names flow.PortNames) []byte {
	b = f.appendSelector(b, names)
	if n := len(b); n > 0 && b[n-1] != ' ' {
		b = append(b, ' ')
	}
	return appendNamed(append(b, "actions="...), f.Actions, names)
}

// appendSelector appends priority and match.
func (f *Flow) appendSelector(b []byte, names flow.PortNames) []byte {
	start := len(b)
	if f.Priority != DefaultPriority {
		b = strconv.AppendUint(append(b, "priority="...), uint64(f.Priority), 10)
	}
	if f.Match.Mask != (flow.Mask{}) {
		if len(b) > start {
			b = append(b, ',')
		}
		b = f.Match.Append(b, flow.Names{Ports: names, Options: f.options})
	}
	return b
}

// MatchText returns the flow's match as ParseFlow takes it.
func (f *Flow) MatchText() string {
	return string(f.Match.Append(nil, flow.Names{Options: f.options}))
}

// appendTimeouts appends the timeouts there are, each with a comma behind it.
func (f *Flow) appendTimeouts(b []byte) []byte {
	if f.IdleTimeout != 0 {
		b = fmt.Appendf(b, "idle_timeout=%d, ", f.IdleTimeout)
	}
	if f.HardTimeout != 0 {
		b = fmt.Appendf(b, "hard_timeout=%d, ", f.HardTimeout)
	}
	return b
}

// appendRest appends flags and importance.
func (f *Flow) appendRest(b []byte) []byte {
	b = f.Flags.appendText(b)
	if f.Importance != 0 {
		b = fmt.Appendf(b, "importance=%d, ", f.Importance)
	}
	return b
}

// OutputsTo reports whether an action of the flow names port as an output.
func (f *Flow) OutputsTo(port uint32) bool {
	return contains(f.Actions, func(a Action) bool {
		o, ok := a.(*Output)
		return ok && o.Port == port
	})
}

// contains reports whether one of some actions, or of the lists within them, is what is asked for.
func contains(list []Action, is func(Action) bool) bool {
	for _, a := range list {
		if is(a) || contains(within(a), is) {
			return true
		}
	}
	return false
}

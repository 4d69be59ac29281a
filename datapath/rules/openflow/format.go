package openflow

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Format says how flows are dumped: the options of ovs-ofctl dump-flows.
type Format struct {
	NoStats bool           // without durations and counts (--no-stats)
	Names   flow.PortNames // ports that have a name by it (--names); nil: all by number
}

// Text returns the flow in the form of ovs-ofctl dump-flows, without the space in front.
func (s *FlowStats) Text(o Format) string {
	if o.NoStats {
		return string(s.append(nil, o.Names))
	}
	b := fmt.Appendf(nil, "cookie=0x%x, duration=%.3fs, table=%d, n_packets=%d, n_bytes=%d, ",
		s.Cookie, s.Duration.Seconds(), s.Table, s.Packets, s.Bytes)
	b = s.appendRest(s.appendTimeouts(b))
	b = fmt.Appendf(b, "idle_age=%d, ", int64(s.Idle/time.Second))
	if hard := int64(s.HardAge / time.Second); hard != int64(s.Duration/time.Second) {
		b = fmt.Appendf(b, "hard_age=%d, ", hard)
	}
	return string(s.appendRule(b, o.Names))
}

// SortFlows sorts flows by a field, NoField being the priority, as ovs-ofctl dump-flows does with --sort,
// or --rsort if falling. Flows that do not match the field come last either way.
func SortFlows(list []FlowStats, by flow.FieldID, falling bool) {
	sign := 1
	if falling {
		sign = -1
	}
	slices.SortStableFunc(list, func(a, b FlowStats) int {
		if by == flow.NoField {
			return sign * cmp.Compare(a.Priority, b.Priority)
		}
		inA, inB := a.Match.Mask.Any(by), b.Match.Mask.Any(by)
		order := 0
		switch {
		case inA != inB && inA:
			return -1
		case inA != inB:
			return 1
		case by.Info().Size == 16:
			order = bytes.Compare(a.Match.Key.Bytes(by), b.Match.Key.Bytes(by))
		default:
			order = cmp.Compare(a.Match.Key.Uint(by), b.Match.Key.Uint(by))
		}
		return cmp.Or(sign*order, -cmp.Compare(a.Priority, b.Priority))
	})
}

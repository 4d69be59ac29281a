package openflow

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// FinTimeout lowers the timeouts of the rule it is in to these, in seconds, when a TCP packet with FIN or
// RST passes; 0 lowers none.
type FinTimeout struct {
	Idle, Hard uint16
}

// Flags of TCP after which a connection is over (RFC 9293, section 3.1).
const tcpEnd = 1<<0 | 1<<2 // FIN, RST

func (a *FinTimeout) appendText(b []byte) []byte {
	b = append(b, "fin_timeout("...)
	if a.Idle != 0 {
		b = fmt.Appendf(b, "idle_timeout=%d", a.Idle)
	}
	if a.Hard != 0 {
		if a.Idle != 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "hard_timeout=%d", a.Hard)
	}
	return append(b, ')')
}

func parseFinTimeout(arg argument) (Action, error) {
	a := &FinTimeout{}
	for rest := arg.text; ; {
		var name, value string
		var err error
		name, value, rest = flow.NextField(rest)
		switch name {
		case "idle_timeout":
			a.Idle, err = parse16(value)
		case "hard_timeout":
			a.Hard, err = parse16(value)
		case "":
			if strings.TrimSpace(rest) != "" {
				return nil, fmt.Errorf("want idle_timeout=seconds or hard_timeout=seconds, found %q", rest)
			}
			return a, nil
		default:
			err = fmt.Errorf("want idle_timeout or hard_timeout, found an unknown word")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}

// finTimeout carries out a fin_timeout: now if a packet is waiting, and whenever such packets are counted.
func (x *xlate) finTimeout(a *FinTimeout) {
	if !x.need(flow.NeedTCP) {
		return
	}
	x.seeBits(flow.FieldTCPFlags, tcpEnd)
	if x.work.Uint(flow.FieldTCPFlags)&tcpEnd == 0 {
		return
	}
	x.v.Trail = append(x.v.Trail, finWord(x.by), uint64(a.Idle)<<16|uint64(a.Hard))
	if r := x.t.ruleOf(x.by); x.q.Live && r != nil && r.outlasts(a.Idle, a.Hard) && x.mayChange() {
		x.t.shorten(r, a.Idle, a.Hard)
	}
}

// outlasts reports whether r has a longer timeout than one of these, or none.
func (r *rule) outlasts(idle, hard uint16) bool {
	return lower(r.IdleTimeout, idle) != r.IdleTimeout || lower(r.HardTimeout, hard) != r.HardTimeout
}

// lower returns the shorter timeout; 0 is none.
func lower(is, to uint16) uint16 {
	if to != 0 && (is == 0 || to < is) {
		return to
	}
	return is
}

// shorten lowers the timeouts of r to these. The caller holds the write lock.
func (t *Table) shorten(r *rule, idle, hard uint16) {
	if r.timed() {
		t.deadlines.remove(r)
		t.limits.leave(r)
	}
	r.IdleTimeout, r.HardTimeout = lower(r.IdleTimeout, idle), lower(r.HardTimeout, hard)
	if r.timed() {
		t.deadlines.push(r, r.deadline())
		t.limits.enter(r)
	}
}

// later raises a time to now, if it is earlier.
func later(at *atomic.Int64, now int64) {
	for {
		old := at.Load()
		if now <= old || at.CompareAndSwap(old, now) {
			return
		}
	}
}

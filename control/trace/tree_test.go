package trace

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath"
)

func step(depth int, line string) datapath.TraceStep {
	return datapath.TraceStep{Depth: depth, Line: line}
}

// The layouts on the right are Open vSwitch's for what is on the left.
func TestLinesStandWhereOVSPutsThem(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []datapath.TraceStep
		want  string
	}{
		{"nothing", nil, ""},
		{"no rule", []datapath.TraceStep{step(0, " 0. No match."), step(1, "drop")}, " 0. No match.\n    drop\n"},
		{"a remark stands under its action", []datapath.TraceStep{step(0, " 0. ip, priority 1"), step(1, "output:7"), step(1, ">> Nonexistent output port"), step(1, "output:2")},
			" 0. ip, priority 1\n    output:7\n     >> Nonexistent output port\n    output:2\n"},
		{"so does one that is said to be deeper", []datapath.TraceStep{step(0, " 0. ip, priority 1"), step(1, "NORMAL"), step(2, "-> flooding")},
			" 0. ip, priority 1\n    NORMAL\n     -> flooding\n"},
		{"a resubmit at the end does not go deeper", []datapath.TraceStep{step(0, " 0. priority 1"), step(1, "resubmit(,1)"), step(1, " 1. priority 2"), step(2, "resubmit(,200)"), step(2, "200. priority 3"), step(3, "output:1")},
			" 0. priority 1\n    resubmit(,1)\n 1. priority 2\n    resubmit(,200)\n200. priority 3\n    output:1\n"},
		{"one in the middle does", []datapath.TraceStep{step(0, " 0. priority 1"), step(1, "resubmit(,1)"), step(1, " 1. priority 2"), step(2, "output:1"), step(1, "output:2")},
			" 0. priority 1\n    resubmit(,1)\n     1. priority 2\n            output:1\n    output:2\n"},
		{"buckets and the action set", []datapath.TraceStep{step(0, " 0. priority 1"), step(1, "group:2"), step(1, "bucket 0"), step(2, "output:1"), step(1, "bucket 1"), step(2, "output:3"), step(1, "goto_table:4"), step(1, " 4. priority 2"), step(2, "output:3"), step(0, "--. Executing action set:"), step(1, "output:1")},
			" 0. priority 1\n    group:2\n    bucket 0\n            output:1\n    bucket 1\n            output:3\n    goto_table:4\n     4. priority 2\n            output:3\n--. Executing action set:\n    output:1\n"},
		{"what goes on", []datapath.TraceStep{step(0, "thaw"), step(1, "Resuming from table 5"), step(1, "resubmit(,5)"), step(1, " 5. No match."), step(2, "drop")},
			"    thaw\n        Resuming from table 5\n    resubmit(,5)\n 5. No match.\n    drop\n"},
		{"a table of another kind", []datapath.TraceStep{step(0, "route 10.0.0.0/8"), step(1, "next hop 10.0.0.1")}, "    route 10.0.0.0/8\n    next hop 10.0.0.1\n"},
	} {
		var b strings.Builder
		print(&b, tree("bridge", c.steps).subs, 0)
		if b.String() != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.name, b.String(), c.want)
		}
	}
}

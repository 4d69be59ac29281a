package openflow

import (
	"strconv"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// The order is that of ovs-ofctl 3.1: of equal ones, and of those without the field, the highest priority comes first,
// whichever way the field goes.
func TestSortedDumpsHaveTheOrderOfOvsOfctl(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), strings.Join([]string{
		"priority=5,ip,nw_src=10.0.0.0/8 actions=output:2", "table=1,priority=7,ip,nw_src=9.0.0.1 actions=output:3",
		"table=2,priority=8,tcp,tp_dst=81 actions=output:3", "priority=1 actions=drop", "priority=9,arp actions=normal",
		"priority=3,ip,nw_src=9.0.0.1 actions=drop",
	}, "\n"))
	source, _ := flow.FieldByName("nw_src")
	for _, c := range []struct {
		by      flow.FieldID
		falling bool
		want    string // priorities
	}{
		{source, false, "7 3 5 9 8 1"},
		{source, true, "5 7 3 9 8 1"},
		{flow.NoField, false, "1 3 5 7 8 9"},
		{flow.NoField, true, "9 8 7 5 3 1"},
	} {
		flows := tb.Flows(AllFlows())
		SortFlows(flows, c.by, c.falling)
		var got []string
		for i := range flows {
			got = append(got, strconv.Itoa(int(flows[i].Priority)))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("by %v, falling %v: %v, want %s", c.by, c.falling, got, c.want)
		}
	}
}

package daemon_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

func texts(rules []api.Rule) string {
	var b strings.Builder
	for _, r := range rules {
		fmt.Fprintln(&b, r.Text)
	}
	return b.String()
}

func TestALineThatCannotBeDoneKeepsTheOthersOut(t *testing.T) {
	l := start(t, twoPorts)
	before := texts(call(l, api.FlowDump, api.FlowMatch{NoStats: true}))
	e := refuse(l, api.FlowAdd, api.FlowText{Name: "f.txt", Lines: []string{
		"# a bundle", "delete", "add priority=5,tcp,actions=drop", "", "add priority=5,ip,check_overlap,actions=drop",
	}}, api.BadConfig)
	if len(e.Problems) != 1 || e.Problems[0].Line != 5 || !strings.HasPrefix(e.Details, "f.txt:5: overlap") {
		t.Errorf("got %+v, want an overlap in line 5", e)
	}
	if got := texts(call(l, api.FlowDump, api.FlowMatch{NoStats: true})); got != before {
		t.Errorf("got\n%swant\n%s", got, before)
	}
}

func TestRulesAreReplacedAndComparedAsAWhole(t *testing.T) {
	l := start(t, twoPorts)
	p1, p2 := l.peer("p1"), l.peer("p2")
	call(l, api.FlowReplace, api.FlowText{Lines: []string{"in_port=p1,actions=p2", "arp,actions=drop"}})
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
	want := api.FlowText{Lines: []string{"in_port=p1,actions=p2", "arp,actions=flood", "table=2,cookie=5,actions=1"}}
	diff := strings.Join(call(l, api.FlowDiff, want).Lines, "\n")
	if diff != "-arp actions=drop\n+arp actions=FLOOD\n+table=2  cookie=0x5 actions=output:1" {
		t.Errorf("got\n%s", diff)
	}
	if got := call(l, api.FlowReplace, want); got.Added != 2 || got.Removed != 1 {
		t.Errorf("got %+v, want 2 added and 1 removed", got)
	}
	if got := call(l, api.FlowDiff, want); len(got.Lines) != 0 {
		t.Errorf("after replacing: got %v", got.Lines)
	}
	if got, want := call(l, api.FlowAggregate, api.FlowFilter{Match: "in_port=p1"}), (api.Aggregate{Packets: 1, Bytes: 60, Flows: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := call(l, api.FlowDump, api.FlowMatch{Match: "in_port=p1"}); len(got) != 1 || got[0].Packets != 1 {
		t.Errorf("the rule that stayed: got %+v, want it with 1 packet", got)
	}
}

func TestDumpsAreInTheOrderAndFormAskedFor(t *testing.T) {
	l := start(t, twoPorts)
	call(l, api.FlowReplace, api.FlowText{Lines: []string{
		"priority=3,in_port=p1,actions=p2", "priority=5,ip,nw_src=10.0.0.1,actions=drop", "table=1,priority=4,ip,nw_src=10.0.0.2,actions=1",
	}})
	for _, c := range []struct {
		ask  api.FlowMatch
		want string
	}{
		{api.FlowMatch{Names: true}, "priority=5,ip,nw_src=10.0.0.1 actions=drop\npriority=3,in_port=p1 actions=output:p2\ntable=1, priority=4,ip,nw_src=10.0.0.2 actions=output:p1\n"},
		{api.FlowMatch{Sort: "priority"}, "priority=3,in_port=1 actions=output:2\ntable=1, priority=4,ip,nw_src=10.0.0.2 actions=output:1\npriority=5,ip,nw_src=10.0.0.1 actions=drop\n"},
		{api.FlowMatch{Sort: "nw_src", Falling: true}, "table=1, priority=4,ip,nw_src=10.0.0.2 actions=output:1\npriority=5,ip,nw_src=10.0.0.1 actions=drop\npriority=3,in_port=1 actions=output:2\n"},
	} {
		c.ask.NoStats = true
		if got := texts(call(l, api.FlowDump, c.ask)); got != c.want {
			t.Errorf("%+v: got\n%swant\n%s", c.ask, got, c.want)
		}
	}
	refuse(l, api.FlowDump, api.FlowMatch{Sort: "zap"}, api.BadParams)
}

// How callers at the same time share the wait for their changes is tested where it is done, in package
// datapath; here each gets what it asked for.
func TestManyCallersChangeRulesAtTheSameTime(t *testing.T) {
	l := start(t, twoPorts)
	const callers = 50 // fewer than connections
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			c, err := api.Dial(t.Context(), filepath.Join(l.dir, "s"))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			rule := api.FlowText{Lines: []string{fmt.Sprintf("priority=%d,arp,actions=drop", i+1)}}
			if _, err := api.Call(t.Context(), c, api.FlowAdd, rule); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(call(l, api.FlowDump, api.FlowMatch{Match: "arp"})); n != callers {
		t.Errorf("%d rules, want %d", n, callers)
	}
}

func TestATableTakesNoMoreRulesThanItMay(t *testing.T) {
	l := start(t, twoPorts+"  tables: [{number: 0, flow-limit: 2}, {number: 1, flow-limit: 1, overflow-policy: evict}]\n")
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"priority=9,arp,actions=drop"}})
	if e := refuse(l, api.FlowAdd, api.FlowText{Lines: []string{"ip,actions=drop"}}, api.BadConfig); !strings.Contains(e.Details, "table full") {
		t.Errorf("got %v, want a full table", e)
	}
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"table=1,ip,hard_timeout=100,actions=drop", "table=1,tcp,actions=drop"}})
	if got := texts(call(l, api.FlowDump, api.FlowMatch{NoStats: true, Match: "table=1"})); got != "table=1, tcp actions=drop\n" {
		t.Errorf("got\n%s", got)
	}
	call(l, api.ConfigApply, l.apply(twoPorts))
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"priority=9,arp,actions=drop", "ip,actions=drop", "tcp,actions=drop"}})
}

package daemon_test

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

func TestGroupsComeAndGo(t *testing.T) {
	l := start(t, twoPorts)
	refuse(l, api.FlowAdd, api.FlowText{Lines: []string{"actions=group:1"}}, api.BadConfig)
	add := api.GroupText{Lines: []string{"# two", "group_id=1,type=select,bucket=1,bucket=weight:2,2", "", "group_id=2,type=all,bucket=group:1"}}
	if got := call(l, api.GroupAdd, add).Count; got != 2 {
		t.Errorf("added %d, want 2", got)
	}
	refuse(l, api.GroupAdd, add, api.Exists)
	refuse(l, api.GroupAdd, api.GroupText{}, api.BadParams)
	refuse(l, api.GroupAdd, api.GroupText{Lines: []string{"group_id=foo"}}, api.BadConfig)
	refuse(l, api.GroupMod, api.GroupText{Lines: []string{"group_id=7,type=all"}}, api.NotFound)
	call(l, api.GroupMod, api.GroupText{Lines: []string{"group_id=7,type=all"}, MayCreate: true})
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"actions=group:2", "priority=1,actions=group:1"}})
	call(l, api.GroupInsert, api.GroupText{Lines: []string{"group_id=1,command_bucket_id=first,bucket=bucket_id:9,in_port"}})
	call(l, api.GroupRemove, api.GroupText{Lines: []string{"group_id=1,command_bucket_id=last"}})
	groups := call(l, api.GroupDump, api.BridgeName{})
	want := "group_id=1,type=select,bucket=bucket_id:9,actions=IN_PORT,bucket=bucket_id:0,actions=output:1"
	if len(groups) != 3 || groups[0].Text != want || groups[0].Rules != 1 || len(groups[0].Buckets) != 2 || groups[0].Buckets[0].ID != 9 {
		t.Errorf("got %+v", groups)
	}
	if got := call(l, api.GroupDel, api.GroupText{Lines: []string{"group_id=2"}}).Count; got != 1 {
		t.Errorf("deleted %d, want 1", got)
	}
	if rules := call(l, api.FlowDump, api.FlowMatch{Match: "out_group=1"}); len(rules) != 1 {
		t.Errorf("rules that name group 1: %+v", rules)
	}
	if got := call(l, api.GroupDel, api.GroupText{}).Count; got != 2 {
		t.Errorf("deleted %d, want 2", got)
	}
}

func TestGroupsOfTheFileReplaceThoseThereAre(t *testing.T) {
	const file = "bridges: [{name: br0, groups: ['group_id=1,type=all,bucket=drop', 'group_id=2,type=all,bucket=group:1'], flows: ['actions=group:1', 'priority=1,actions=group:2']}]"
	l := start(t, file)
	call(l, api.GroupAdd, api.GroupText{Lines: []string{"group_id=7,type=all"}})
	changed := strings.NewReplacer("group_id=2", "group_id=3", "actions=group:2", "actions=group:3").Replace(file)
	call(l, api.ConfigApply, api.Configuration{Text: changed})
	var ids []uint32
	for _, g := range call(l, api.GroupDump, api.BridgeName{}) {
		ids = append(ids, g.ID)
	}
	if len(ids) != 2 || ids[0] != 1 || ids[1] != 3 {
		t.Errorf("groups %v, want 1 and 3", ids)
	}
	if rules := call(l, api.FlowDump, api.FlowMatch{Match: "out_group=3"}); len(rules) != 1 {
		t.Errorf("got %+v", rules)
	}
	for _, wrong := range []string{strings.Replace(file, "bucket=drop", "bucket=group:2", 1), strings.Replace(file, "group_id=2", "group_id=4", 1)} {
		refuse(l, api.ConfigApply, api.Configuration{Text: wrong}, api.BadConfig)
	}
}

func TestABundleChangesRulesAndGroupsOrNothing(t *testing.T) {
	l := start(t, twoPorts)
	lines := []string{"# both", "group add group_id=1,type=all,bucket=2", "flow add priority=9,actions=group:1", "flow delete ip"}
	got := call(l, api.Bundle, api.FlowText{Lines: lines})
	if got.Groups != 1 || got.Rules.Added != 1 {
		t.Errorf("got %+v, want a group and a rule", got)
	}
	refuse(l, api.Bundle, api.FlowText{Lines: lines}, api.BadConfig) // there is a group 1
	refuse(l, api.Bundle, api.FlowText{Lines: []string{"group add group_id=x"}}, api.BadConfig)
	if groups := call(l, api.GroupDump, api.BridgeName{}); len(groups) != 1 || groups[0].Rules != 1 {
		t.Errorf("got %+v, want group 1 and the rule that names it", groups)
	}
}

package config_test

import (
	"reflect"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestTablesHaveLimits(t *testing.T) {
	const head = "bridges:\n- name: b\n  flows: ['actions=drop', 'ip,actions=drop']\n  tables: "
	got := mustParse(t, head+"[{number: 0, flow-limit: 2}, {number: 7, flow-limit: 5, overflow-policy: evict, groups: [in_port, 'nw_src[24..31]']}]\n", nil)
	want := map[uint8]openflow.Limit{
		0: {Flows: 2},
		7: {Flows: 5, Evict: true, Groups: []flow.Subfield{{Field: flow.FieldInPort, Bits: 16}, {Field: flow.FieldIPSrc, Off: 24, Bits: 8}}},
	}
	if limits := got.Bridges[0].Limits; !reflect.DeepEqual(limits, want) {
		t.Errorf("got %+v, want %+v", limits, want)
	}
	for text, want := range map[string]string{
		"[{number: 0}]":                  "dir/c.yaml:4:12: bridges[0].tables[0]: want flow-limit: how many rules it may have, found none",
		"[{number: 255, flow-limit: 5}]": `dir/c.yaml:4:21: bridges[0].tables[0].number: want a whole number from 0 to 254, found "255"`,
		"[{number: 1, flow-limit: 5}, {number: 1, flow-limit: 6}]":          "dir/c.yaml:4:49: bridges[0].tables[1].number: want a table of its own, found 1 again",
		"[{number: 1, flow-limit: 5, overflow-policy: drop}]":               `dir/c.yaml:4:56: bridges[0].tables[0].overflow-policy: want one of refuse, evict, found "drop"`,
		"[{number: 1, flow-limit: 5, overflow-policy: evict, groups: [x]}]": "dir/c.yaml:4:72: bridges[0].tables[0].groups[0]: x: want a field, found an unknown name",
		"[{number: 0, flow-limit: 1}]":                                      "dir/c.yaml:4:11: bridges[0].tables: want a flow-limit of at least 2 for table 0, which the bridge's own rules take, found 1",
	} {
		if _, err := parse(head+text+"\n", nil); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

package openflow

import (
	"errors"
	"strings"
	"testing"
)

func TestGroupsAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"group_id=1,type=all,bucket=set_field:00:00:00:00:00:01->eth_dst,output:2,bucket=3":                                          "group_id=1,type=all,bucket=bucket_id:0,actions=set_field:00:00:00:00:00:01->eth_dst,output:2,bucket=bucket_id:1,actions=output:3",
		"group_id=2 type=select,bucket=bucket_id:5,weight:3,output:2,bucket=weight:1,watch_port:3,actions=output:3":                  "group_id=2,type=select,bucket=bucket_id:5,weight:3,actions=output:2,bucket=bucket_id:0,watch_port:3,actions=output:3",
		"group_id=3,type=fast_failover,bucket=watch_port=2,output:2,bucket=watch_group:7,drop":                                       "group_id=3,type=ff,bucket=bucket_id:0,watch_port:2,actions=output:2,bucket=bucket_id:1,watch_group:7,actions=drop",
		"group_id=4,type=select,selection_method=hash,selection_method_param=7,fields(ip_src,ip_dst=255.255.255.0,tcp_src),bucket=2": "group_id=4,type=select,selection_method=hash,selection_method_param=7,fields(ip_src,ip_dst=255.255.255.0,tcp_src),bucket=bucket_id:0,actions=output:2",
		"group_id=5,type=select,selection_method=hash,fields=eth_dst,bucket=resubmit(,1),bucket=weight:0,2":                          "group_id=5,type=select,selection_method=hash,fields=eth_dst,bucket=bucket_id:0,actions=resubmit(,1),bucket=bucket_id:1,weight:0,actions=output:2",
		"group_id=6,type=select,selection_method=dp_hash,selection_method_param=0x100000005,bucket=2":                                "group_id=6,type=select,selection_method=dp_hash,selection_method_param=4294967301,bucket=bucket_id:0,actions=output:2",
		"group_id=8,type=select":                  "group_id=8,type=select",
		"group_id=9,type=indirect,bucket=group:1": "group_id=9,type=indirect,bucket=bucket_id:0,actions=group:1",
	} {
		g, err := Parser{}.ParseGroup(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if err := number(g.Buckets); err != nil {
			t.Error(err)
		}
		if got := g.String(); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
		if again, err := (Parser{}).ParseGroup(want); err != nil || again.String() != want {
			t.Errorf("read again: %v, %s\nwant %s", err, again.String(), want)
		}
	}
}

func TestMistakesInGroupsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"type=all":                                                    "group_id=",
		"group_id=4294967041,type=all":                                "0 to 4294967040",
		"group_id=1,type=some":                                        "all, select, indirect, ff",
		"group_id=1,bucket=":                                          "want actions",
		"group_id=1,bucket=goto_table:3":                              "instruction",
		"group_id=1,bucket=clone(2)":                                  "action set",
		"group_id=1,colour=red":                                       "unknown word",
		"group_id=1,type=indirect":                                    "one bucket",
		"group_id=1,type=ff,bucket=2":                                 "watch_port",
		"group_id=1,type=all,bucket=weight:5,2":                       "weight",
		"group_id=1,type=all,selection_method=hash":                   "type select only",
		"group_id=1,type=select,selection_method=foo":                 "hash or dp_hash",
		"group_id=1,type=select,fields(ip_src)":                       "selection_method=hash",
		"group_id=1,type=select,selection_method=hash,fields(colour)": "fields",
		"group_id=1,type=select,bucket=watch_port:normal,2":           "port",
		"group_id=1,command_bucket_id=any":                            "first, last, all",
		"group_id=1,type=select,bucket=(":                             ")",
	} {
		_, err := Parser{}.ParseGroup(text)
		var se *SyntaxError
		if err == nil || !errors.As(err, &se) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a mistake that names %q", text, err, want)
		}
	}
}

func FuzzParseGroup(f *testing.F) {
	f.Add("group_id=4,type=select,selection_method=hash,fields(ip_src,ip_dst=255.255.255.0),bucket=weight:2,actions=resubmit(,1)")
	f.Add("group_id=1,command_bucket_id=first,bucket=watch_port=2,watch_group:1,pop_vlan,bucket=drop")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := Parser{}.ParseGroup(text)
		if err != nil || !g.typed || number(g.Buckets) != nil {
			return
		}
		again, err := Parser{}.ParseGroup(g.String())
		if err != nil || again.String() != g.String() {
			t.Errorf("%q is written %q, which is read as %q, %v", text, g.String(), again.String(), err)
		}
	})
}

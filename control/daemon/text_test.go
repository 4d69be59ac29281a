package daemon_test

import (
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

// Whatever is written in ovs-ofctl's words, a mistake in it is of one kind, which programs and exit codes go by,
// and named with its place. That what it names is not there, or is already, is another.
func TestMistakesInWordsAreOfOneKind(t *testing.T) {
	l := start(t, twoPorts)
	call(l, api.GroupAdd, api.GroupText{Lines: []string{"group_id=1,type=all"}})
	call(l, api.MeterAdd, api.MeterText{Meters: []string{"meter=1,pktps,bands=type=drop,rate=1"}})
	call(l, api.TLVAdd, api.TLVOptions{Options: []string{"{class=1,type=1,len=4}->tun_metadata0"}})
	for _, c := range []struct {
		what string
		err  *api.Error
		want string
	}{
		{"a rule", refuse(l, api.FlowAdd, api.FlowText{Lines: []string{"actions=foo"}}, api.BadConfig), "rule:1:9"},
		{"a rule of a group that is not there", refuse(l, api.FlowAdd, api.FlowText{Lines: []string{"actions=group:9"}}, api.BadConfig), "rule:1"},
		{"a match", refuse(l, api.FlowDump, api.FlowMatch{Match: "foo=1"}, api.BadConfig), "match:1:1"},
		{"a group", refuse(l, api.GroupAdd, api.GroupText{Lines: []string{"", "group_id=2,type=all,bucket=foo"}}, api.BadConfig), "group:2:28"},
		{"a group of a file", refuse(l, api.GroupMod, api.GroupText{Name: "g.txt", Lines: []string{"foo"}}, api.BadConfig), "g.txt:1:1"},
		{"a group that leads nowhere", refuse(l, api.GroupAdd, api.GroupText{Lines: []string{"group_id=2,type=all,bucket=group:9"}}, api.BadConfig), "group 2"},
		{"a meter", refuse(l, api.MeterAdd, api.MeterText{Meters: []string{"meter=2"}}, api.BadConfig), "meter:1"},
		{"an option", refuse(l, api.TLVAdd, api.TLVOptions{Options: []string{"foo"}}, api.BadConfig), "option:1"},
		{"an option's length", refuse(l, api.TLVAdd, api.TLVOptions{Options: []string{"{class=1,type=2,len=3}->tun_metadata1"}}, api.BadConfig), ""},
		{"a packet", refuse(l, api.SendPacket, api.PacketOut{Text: "packet=00,actions=foo"}, api.BadConfig), "packet:1:19"},
		{"a packet to trace", refuse(l, api.Trace, api.TraceQuery{Flow: "in_port=77"}, api.BadConfig), "flow"},
		{"another group of the number", refuse(l, api.GroupAdd, api.GroupText{Lines: []string{"group_id=1,type=all"}}, api.Exists), "group 1"},
		{"a group to change", refuse(l, api.GroupMod, api.GroupText{Lines: []string{"group_id=9,type=all"}}, api.NotFound), "group 9"},
		{"another meter of the number", refuse(l, api.MeterAdd, api.MeterText{Meters: []string{"meter=1,pktps,bands=type=drop,rate=1"}}, api.Exists), "meter 1"},
		{"a meter to change", refuse(l, api.MeterMod, api.MeterText{Meters: []string{"meter=9,pktps,bands=type=drop,rate=1"}}, api.NotFound), "meter 9"},
		{"another option of the field", refuse(l, api.TLVAdd, api.TLVOptions{Options: []string{"{class=2,type=2,len=4}->tun_metadata0"}}, api.Exists), ""},
	} {
		if got := c.err.Details; len(got) <= len(c.want) || got[:len(c.want)] != c.want || c.want != "" && got[len(c.want)] != ':' {
			t.Errorf("%s: %q, want it to begin with %s", c.what, got, c.want)
		}
		if (c.err.Code == api.BadConfig) != (len(c.err.Problems) == 1) {
			t.Errorf("%s: %+v, want its problem", c.what, c.err)
		}
	}
}

func TestAFileOfChangesIsAnsweredWithWhatWasDone(t *testing.T) {
	l := start(t, twoPorts)
	call(l, api.FlowReplace, api.FlowText{Lines: []string{"arp,actions=drop", "ip,actions=drop", "udp,actions=drop"}})
	got := call(l, api.FlowAdd, api.FlowText{Lines: []string{"tcp,actions=1", "modify ip,actions=2", "delete arp", "modify dl_type=0x1234,actions=drop"}})
	// Rules for IP are those for TCP and UDP, too; where there is none to modify one is added.
	if want := (api.RulesChanged{Count: 6, Added: 2, Changed: 3, Deleted: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

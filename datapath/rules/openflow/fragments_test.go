package openflow

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
)

// TestWhatRulesSeeOfFragments: what ovs-ofctl(8) says of set-frags.
func TestWhatRulesSeeOfFragments(t *testing.T) {
	const flows = "priority=3,udp,udp_dst=53,actions=2\npriority=2,udp,udp_dst=0,actions=3\npriority=1,actions=4"
	for _, c := range []struct{ mode, frag, port, want string }{
		{"normal", "no", ",udp_dst=53", "output:2"},
		{"normal", "first", ",udp_dst=53", "output:3"},
		{"normal", "later", "", "output:3"},
		{"nx-match", "no", ",udp_dst=53", "output:2"},
		{"nx-match", "first", ",udp_dst=53", "output:2"},
		{"drop", "no", ",udp_dst=53", "output:2"},
		{"drop", "first", ",udp_dst=53", "drop(fragment)"},
		{"drop", "later", "", "drop(fragment)"},
	} {
		mode := map[string]Fragments{"normal": FragmentsNormal, "drop": FragmentsDrop, "nx-match": FragmentsNXMatch}[c.mode]
		tb, _ := newTable(t, Options{Fragments: mode}, trunks(1, 2, 3, 4), flows)
		if got := program(look(t, tb, "in_port=1,udp,nw_frag="+c.frag+c.port)); got != c.want {
			t.Errorf("fragments %s, nw_frag=%s: got %s, want %s", c.mode, c.frag, got, c.want)
		}
	}
}

func TestAnotherTreatmentOfFragmentsConcernsEveryFlow(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "udp,udp_dst=53,actions=2")
	since := tb.Changes(0, new(rules.ChangeSet))
	if err := tb.SetOptions(Options{Fragments: FragmentsDrop}); err != nil {
		t.Fatal(err)
	}
	var c rules.ChangeSet
	tb.Changes(since, &c)
	v := look(t, tb, "in_port=1,udp,udp_dst=53")
	if len(c.Changes) != 1 || c.Changes[0].Tag&v.Tags == 0 || c.Changes[0].Match != nil {
		t.Errorf("got the changes %v, want one that concerns everything", c.Changes)
	}
}

package openflow

import "testing"

func TestConjunctiveRulesActTogether(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), `
priority=100,ip,nw_src=10.0.0.1,actions=conjunction(7,1/2)
priority=100,ip,nw_src=10.0.0.3,actions=conjunction(7,1/2)
priority=100,tcp,tp_dst=80,actions=conjunction(7,2/2)
conj_id=7,actions=2
priority=0,actions=3`)
	const web = "in_port=1,tcp,tp_dst=80,nw_src="
	for _, c := range []struct{ packet, want string }{
		{web + "10.0.0.1", "output:2"},
		{web + "10.0.0.3", "output:2"},
		{web + "10.0.0.2", "output:3"},
		{"in_port=1,tcp,tp_dst=81,nw_src=10.0.0.1", "output:3"},
	} {
		if got := program(look(t, tb, c.packet)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.packet, got, c.want)
		}
	}
	const all = "dl_type,nw_src,nw_proto,nw_frag/0x1,tcp_dst"
	if got := consulted(look(t, tb, web+"10.0.0.1")); got != all {
		t.Errorf("consulted %s, want %s", got, all)
	}
}

func TestARuleBecomesConjunctiveAndOrdinaryAgain(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3, 4), "priority=9,tcp,actions=3\npriority=9,ip,nw_src=10.0.0.1,actions=conjunction(7,1/2)\nconj_id=7,actions=2\npriority=0,actions=1")
	const p = "in_port=4,tcp,nw_src=10.0.0.1"
	for _, c := range []struct{ mod, want string }{
		{"tcp,actions=conjunction(7,2/2)", "output:2"},
		{"tcp,actions=output:3", "output:3"},
	} {
		m, err := Parser{}.ParseMod(c.mod, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tb.ModFlows(m); err != nil {
			t.Fatal(err)
		}
		if got := program(look(t, tb, p)); got != c.want {
			t.Errorf("after %s: got %s, want %s", c.mod, got, c.want)
		}
	}
}

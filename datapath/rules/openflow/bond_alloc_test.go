//go:build !race

package openflow

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
)

// The race detector makes a sync.Pool forget now and then what it was given, so that this test is not for it.
func TestNewFlowsOverABondMakeNoGarbage(t *testing.T) {
	for _, mode := range []bond.Mode{bond.ActiveBackup, bond.BalanceSLB, bond.BalanceTCP} {
		c := bond.Config{Mode: mode}
		if mode == bond.BalanceTCP {
			c.LACP = bond.LACPActive
		}
		l := newBondLab(t, c, "actions=NORMAL")
		if mode == bond.BalanceTCP {
			l.negotiate()
		}
		live(t, l.Table, "in_port=3,"+fromC)
		for _, text := range []string{"in_port=1," + toC, "in_port=3," + fromC, "in_port=1," + toAll} {
			q, v := &rules.Query{Key: packet(t, text), Now: l.clock.now, Live: true}, new(rules.Verdict)
			look := func() {
				v.Reset()
				if err := l.Lookup(q, v); err != nil {
					t.Fatal(err)
				}
			}
			look()
			if n := testing.AllocsPerRun(200, look); n != 0 {
				t.Errorf("%v, %s: %v allocations", mode, text, n)
			}
		}
	}
}

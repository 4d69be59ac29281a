package datapath_test

import (
	"testing"

	"github.com/culvertdev/culvert/datapath"
)

// TestARuleOnThePortAloneChanges: nobody looks at the packets of a port with such a rule; the rule changes all the
// same when the call that changes it returns.
func TestARuleOnThePortAloneChanges(t *testing.T) {
	table := openflowTable(t, "in_port=1,actions=output:2")
	l := newLab(t, datapath.Options{}, table, "a", "b", "c")
	to := func(port string) {
		t.Helper()
		for range 20 {
			l.send("a", udp(t, 1, 2, 9, 20))
			l.receive(port, 1)
		}
	}
	hits := func() uint64 {
		l.balanced()
		return value(l.sw.Stats().Caches, "port_hit")
	}
	to("b")
	if n := hits(); n < 10 {
		t.Errorf("%d packets of 20 were not looked at", n)
	}
	change(t, table, "modify in_port=1,actions=output:3")
	l.sw.Sync()
	to("c")
	change(t, table, "add priority=1,in_port=1,actions=output:2\nadd priority=40000,udp,actions=output:2")
	l.sw.Sync()
	before := hits()
	to("b")
	if n := hits(); n != before {
		t.Errorf("%d packets were not looked at after a rule that looks at more than the port", n-before)
	}
}

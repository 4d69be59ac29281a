//go:build !race

package openflow

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/underlay"
)

// The race detector makes a sync.Pool forget now and then what it was given, so that this test is not for it.

func TestAskingATunnelAllocatesNothing(t *testing.T) {
	table := tunnelBench(t, roads{one: underlay.OK}, "actions=output:10", "vxlan remote_ip=192.0.2.1 key=7")
	q, v := &rules.Query{Key: packet(t, "in_port=1"), Now: 1000 * second, Live: true}, new(rules.Verdict)
	look := func() {
		v.Reset()
		if err := table.Lookup(q, v); err != nil {
			t.Fatal(err)
		}
	}
	look()
	if n := testing.AllocsPerRun(100, look); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

package datapath_test

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
)

// A rule that 100,000 cached flows follow gets other actions: the time until no packet is handled by the old
// ones. Nothing else is to do for the switch.
func BenchmarkARuleOfManyFlowsChanges(b *testing.B) {
	const flows = 100_000
	// What an action looks at tells flows apart, however few rules there are.
	const apart = "move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],move:NXM_OF_UDP_DST[]->NXM_NX_REG1[0..15],"
	table := openflowTable(b, "priority=1,udp,actions="+apart+"output:2")
	o := datapath.Options{
		Cache:    datapath.CacheConfig{Flows: 1 << 18},
		SlowPath: datapath.SlowPath{MaxIdle: time.Hour, Revalidate: time.Hour},
	}
	l := newLab(b, o, table, "a", "b")
	p := udp(b, 1, 2, 0, 20)
	const lot = 200 // fewer than may wait for the slow path
	for i := range flows {
		p[34], p[35], p[36], p[37] = byte(i>>8), byte(i), byte(i>>16), 9 // the UDP ports; sums are not looked at
		l.send("a", p)
		if i%lot == lot-1 {
			l.receive("b", lot)
		}
	}
	l.sw.Sync()
	cached := l.sw.Stats().Flows.Flows
	i := 0
	for b.Loop() {
		change(b, table, "modify_strict priority=1,udp,actions="+apart+[]string{"output:1", "output:2"}[i%2])
		l.sw.Sync()
		i++
	}
	b.ReportMetric(float64(cached), "flows")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(cached), "ns/flow")
}

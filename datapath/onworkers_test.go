package datapath_test

import (
	"testing"

	"github.com/culvertdev/culvert/datapath"
)

func TestWorkersServeTheSlowPathThemselves(t *testing.T) {
	o := datapath.Options{
		Workers:  datapath.WorkersConfig{Count: 2},
		SlowPath: datapath.SlowPath{OnWorkers: true, QueueLength: 4096, Held: 4096},
	}
	l := newLab(t, o, newScript(t, 1, toPort(2)), "a", "b")
	const flows, packets = 100, 10
	for i := range flows * packets {
		l.send("a", udp(t, 1, 2, uint16(i%flows), 20))
	}
	l.receive("b", flows*packets)
	l.waitFor("upcall", caches, flows)
	if n := value(l.sw.Stats().SlowPath, "served"); n != flows {
		t.Errorf("%d packets served, want %d", n, flows)
	}
}

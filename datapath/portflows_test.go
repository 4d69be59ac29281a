package datapath_test

import (
	"context"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// flowsOf returns what the switch says of a port.
func flowsOf(t *testing.T, l *lab, name string) datapath.PortFlows {
	t.Helper()
	for _, p := range l.sw.PortFlows() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("nothing is said of port %s", name)
	return datapath.PortFlows{}
}

func TestAPortThatFillsTheCacheIsServedAndLeavesOthersTheirPart(t *testing.T) {
	o := datapath.Options{
		Cache:    datapath.CacheConfig{Flows: 96},
		SlowPath: datapath.SlowPath{MaxIdle: time.Hour, Revalidate: time.Hour},
	}
	l := newLab(t, o, newScript(t, 1, toPort(2)), "a", "b", "c")
	const flows = 200
	for i := range flows {
		l.send("a", udp(t, 1, 2, uint16(i), 20))
	}
	l.receive("b", flows)
	for i := range 16 {
		l.send("c", udp(t, 3, 2, uint16(i), 20))
	}
	l.receive("b", 16)
	if f := flowsOf(t, l, "c"); f.Flows != 16 || f.Guaranteed != 16 {
		t.Errorf("port c has %d flows of %d guaranteed, want 16 of 16", f.Flows, f.Guaranteed)
	}
	// Some of a's flows may have gone already: a cache that is nearly full is walked over.
	f := flowsOf(t, l, "a")
	if n := value(f.New, "deferred"); f.Flows > 64 || n == 0 || n != value(l.sw.Stats().SlowPath, "deferred") {
		t.Errorf("port a has %d flows, %d deferred; want at most 64, and what the slow path counts", f.Flows, n)
	}
	l.waitFor("upcall", caches, flows+16)
	if f = flowsOf(t, l, "a"); value(f.New, "served") != flows || value(f.New, "served_ns") == 0 || f.Lookups == 0 {
		t.Errorf("port a: %+v, want %d packets served", f, flows)
	}
}

func TestAPortsLimitsChangeWhileItRuns(t *testing.T) {
	table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		port := q.Key.Uint(flow.FieldUDPSrc)
		v.Mask.SetBits(flow.FieldUDPSrc, 0xff00|port>>8) // a mask for each
		v.Actions.Output(2)
		return nil
	})
	l := newLab(t, datapath.Options{}, table, "a", "b")
	for i := range 20 {
		l.send("a", udp(t, 1, 2, uint16(1+i)<<8, 20))
	}
	l.receive("b", 20)
	if f := flowsOf(t, l, "a"); f.Masks != 20 || f.MaskLimit != 32 {
		t.Errorf("%d masks of %d, want 20 of 32", f.Masks, f.MaskLimit)
	}
	ports := []datapath.PortConfig{{Name: "a", Limits: datapath.PortLimits{Masks: 4, NewFlows: 1}}, {Name: "b"}}
	c := datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: table, Ports: ports}}}
	if err := l.sw.Apply(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if f := flowsOf(t, l, "a"); f.MaskLimit != 4 {
		t.Errorf("at most %d masks, want 4", f.MaskLimit)
	}
	for i := range 20 {
		l.send("a", udp(t, 1, 2, uint16(100+i)<<8, 20))
	}
	l.waitFor("new_flow_rate", drops, 19)
	ports[0].Limits.Masks = -1
	if err := l.sw.Apply(context.Background(), c); err == nil {
		t.Error("-1 masks were accepted")
	}
}

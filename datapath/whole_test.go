package datapath

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// levels returns how many packets each cache level has answered.
func (r *rig) levels() (port, caches, slow, undecided uint64) {
	r.w.count.publish()
	of := func(name string) uint64 { return sampleOf(r.w.count.levels, name) }
	return of("port_hit"), of("latest_hit") + of("emc_hit") + of("megaflow_hit"), of("upcall"), of("undecided")
}

func TestPacketsOfAPortThatIsOneFlowAreNotLookedUp(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	r.w.port(1).partial = false
	for range 10 {
		if got := r.pass(testPacket); len(got) != 1 {
			t.Fatalf("%d packets left, want 1", len(got))
		}
	}
	if port, caches, slow, _ := r.levels(); port != 9 || caches != 0 || slow != 1 {
		t.Errorf("%d packets were of the port's flow, %d found in caches and %d with the slow path, want 9, 0 and 1", port, caches, slow)
	}
	if got := r.pass(testPacket[:13]); len(got) != 0 {
		t.Error("a packet without an Ethernet header left")
	}
	if _, _, _, undecided := r.levels(); undecided != 1 {
		t.Errorf("%d packets were dropped undecided, want the short one", undecided)
	}
	var counted uint64
	for s := range r.sw.flows.All {
		counted += r.sw.flows.Stats(s).Packets
	}
	if counted != 9 { // the first is counted by whoever looked it up
		t.Errorf("%d packets were counted by the flow, want 9", counted)
	}
}

func TestWhoNeedsToSeePacketsSeesThem(t *testing.T) {
	var ip flow.Mask
	ip.SetExact(flow.FieldIPSrc)
	for _, c := range []struct {
		name    string
		table   rules.Table
		partial bool
	}{
		{"rules that look at more than the port", &byPort{mask: ip}, false},
		{"a port whose packets may lack their checksum", &byPort{}, true},
		{"actions that change a header", &rewrite{}, false},
	} {
		r := newRig(t, c.table, 1)
		r.w.port(1).partial = c.partial
		for range 10 {
			if got := r.pass(testPacket); len(got) != 1 {
				t.Fatalf("%s: %d packets left, want 1", c.name, len(got))
			}
		}
		if port, caches, _, _ := r.levels(); port != 0 || caches != 9 {
			t.Errorf("%s: %d packets were not looked at, %d were, want 0 and 9", c.name, port, caches)
		}
	}
}

// TestPacketsDoNotOvertakeThoseThatWait: the port's only flow is cached while a packet is still on its way back
// from the slow path.
func TestPacketsDoNotOvertakeThoseThatWait(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	r.w.port(1).partial = false
	r.out.keep = true
	send := func(last byte) {
		p := append([]byte(nil), testPacket...)
		p[len(p)-1] = last
		f, _ := r.gen.FromBytes(p)
		r.batch.Append(f)
		r.w.Process(1, &r.batch)
	}
	send(1)
	for r.w.flows.Whole(1) == 0 { // the slow path answers
	}
	send(2)
	for len(r.out.got) < 2 {
		r.w.Flush(r.now)
	}
	for i, p := range r.out.got {
		if int(p[len(p)-1]) != i+1 {
			t.Errorf("packet %d left as number %d", p[len(p)-1], i+1)
		}
	}
	if port, _, _, _ := r.levels(); port != 0 {
		t.Errorf("%d packets were not looked at while one waited", port)
	}
}

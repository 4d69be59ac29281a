package datapath_test

import (
	"reflect"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// traced asks what would become of a packet.
func (s *steps) traced(port uint32, packet []byte) *datapath.Trace {
	s.t.Helper()
	l, ok, err := s.Enter(port, packet)
	if err != nil || !ok {
		s.t.Fatalf("no key: %v, %v", ok, err)
	}
	tr, err := s.Trace(datapath.TraceQuery{Key: l.Key, Packet: l.Packet})
	if err != nil {
		s.t.Fatal(err)
	}
	return tr
}

func TestATraceSaysWhichCacheWouldAnswerAndChangesNothing(t *testing.T) {
	s := newSteps(t, "actions=NORMAL", "a", "b", "c")
	packet := udp(t, 1, 2, 7, 20)
	type answer struct {
		emc      []int
		megaflow bool
	}
	for _, want := range []answer{{nil, false}, {nil, true}, {[]int{0}, true}} {
		for range 2 { // asking again changes nothing
			p := s.traced(1, packet).Passes[0]
			if got := (answer{p.EMC, p.Megaflow != nil}); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if got := action.Format(p.Program, nil); got != "output:2,output:3" {
				t.Errorf("got %s", got)
			}
			if len(p.Steps) != 3 || p.Final == nil || p.Final.Uint(flow.FieldInPort) != 1 {
				t.Errorf("got steps %+v, final flow %v", p.Steps, p.Final)
			}
		}
		s.send(1, packet)
	}
	if n := len(s.peers["b"].RecvBytes()); n != 3 {
		t.Errorf("b got %d packets, want the 3 that were sent", n)
	}
}

func TestATraceGoesOnAfterRecirculation(t *testing.T) {
	s := newSteps(t, "ip,actions=set_field:10.9.9.9->ip_dst,check_pkt_larger(100)->NXM_NX_REG0[0],resubmit(,1)\n"+
		"table=1,reg0=1,actions=2\ntable=1,reg0=0,actions=3", "a", "b", "c")
	for size, want := range map[int]string{20: "output:3", 200: "output:2"} {
		tr := s.traced(1, udp(t, 1, 2, 7, size))
		if len(tr.Passes) != 2 || tr.Cut {
			t.Fatalf("%d look-ups, want 2", len(tr.Passes))
		}
		second := &tr.Passes[1]
		if got := action.Format(second.Program, nil); got != want || second.Recirc == 0 || second.Key.Uint(flow.FieldIPDst) != 0x0a090909 {
			t.Errorf("%d bytes: got %s under %#x, want %s", size, got, second.Recirc, want)
		}
	}
}

func TestATraceOfAnyTableEnds(t *testing.T) {
	table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		if q.Trace != nil {
			q.Trace.Step(0, "round and round")
		}
		var copies action.Program
		copies.Recirc(1)
		v.Actions.Clone(&copies)
		v.Actions.Recirc(2)
		return nil
	})
	l := newLab(t, datapath.Options{}, table, "a")
	packet := udp(t, 1, 2, 7, 20)
	look, _, err := l.sw.Enter(1, packet)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := l.sw.Trace(datapath.TraceQuery{Key: look.Key, Packet: packet})
	if err != nil {
		t.Fatal(err)
	}
	if !tr.Cut || len(tr.Passes) < 8 || tr.Passes[0].Steps[0].Line != "round and round" {
		t.Errorf("%d look-ups, cut short: %v", len(tr.Passes), tr.Cut)
	}
}

package datapath_test

import (
	"strings"
	"testing"
	"time"
)

// TestLearnedRulesLiveAsLongAsTheirTraffic: packets of a cached flow, which the rule table does not see,
// keep the rule they teach; when they stop it goes, and with it what it said.
func TestLearnedRulesLiveAsLongAsTheirTraffic(t *testing.T) {
	s := newSteps(t, "in_port=1,actions=learn(table=1,idle_timeout=5,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),3\n"+
		"in_port=2,actions=resubmit(,1)\ntable=1,priority=1,actions=3", "a", "b", "c")
	there, back := udp(t, 1, 2, 7, 20), udp(t, 2, 1, 7, 20)
	s.send(2, back)
	s.saw("2 slow output:3")
	s.send(1, there)
	s.saw("1 slow output:3")
	s.send(2, back) // re-translated at once: the learned rule concerns it
	s.saw("2 slow output:1")
	for range 60 { // twelve times its timeout
		s.now += int64(time.Second)
		s.Walk()
		s.send(1, there)
		if len(s.lines) != 1 || strings.Contains(s.lines[0], "slow") {
			t.Fatalf("the flow left the cache: %q", s.lines)
		}
		s.lines = nil
	}
	s.send(2, back)
	if len(s.lines) != 1 || !strings.HasSuffix(s.lines[0], "output:1") {
		t.Errorf("under steady traffic the learned rule went: %q", s.lines)
	}
	s.lines = nil
	for range 7 {
		s.now += int64(time.Second)
		s.Walk()
	}
	s.send(2, back)
	if len(s.lines) != 1 || !strings.HasSuffix(s.lines[0], "output:3") {
		t.Errorf("7 s after the last packet the learned rule is still there: %q", s.lines)
	}
}

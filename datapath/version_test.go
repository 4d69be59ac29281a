package datapath_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
)

// Rules of version n: the first look-up writes n into the Ethernet source, the second into the destination, and a third,
// if there are three, into the IP TTL. Who looks at a packet that has left sees which versions it has met.
func firstRule(n int) string {
	return fmt.Sprintf("add udp,actions=mod_dl_src:00:00:00:00:00:%02x,check_pkt_larger(1000)->NXM_NX_REG0[0],resubmit(,1)\n", n)
}

func secondRule(n int) string {
	return fmt.Sprintf("add table=1,udp,actions=mod_dl_dst:00:00:00:00:00:%02x,output:2\n", n)
}

func secondOfThree(n int) string {
	return fmt.Sprintf("add table=1,udp,actions=mod_dl_dst:00:00:00:00:00:%02x,check_pkt_larger(900)->NXM_NX_REG0[1],resubmit(,2)\n", n)
}

func thirdRule(n int) string {
	return fmt.Sprintf("add table=2,udp,actions=mod_nw_ttl:%d,output:2\n", n)
}

// stamps returns which versions a packet has met.
func stamps(p []byte, looks int) []int { return []int{int(p[11]), int(p[5]), int(p[22])}[:looks] }

// unrelated returns changes of n rules in the same tables that are about other packets.
func unrelated(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "add table=%d,priority=40000,tcp,tp_dst=%d,actions=drop\n", i%3, i)
	}
	return b.String()
}

// TestTheRulesChangeBetweenTwoLooks: a packet waits for its last look-up while the rules change.
func TestTheRulesChangeBetweenTwoLooks(t *testing.T) {
	two, three := firstRule(1)+secondRule(1), firstRule(1)+secondOfThree(1)+thirdRule(1)
	for _, c := range []struct {
		name   string
		rules  string
		change string
		want   []int // nil: it is dropped
	}{
		{"nothing changes", two, "", []int{1, 1}},
		{"both change", two, firstRule(2) + secondRule(2), nil},
		{"the first changes, and the old one goes with the second", two, firstRule(2), []int{1, 1}},
		{"the second changes, and the new one goes with the first", two, secondRule(2), []int{1, 2}},
		{"others change", two, unrelated(10), []int{1, 1}},
		{"more others change than are remembered one by one", two, unrelated(3000), []int{1, 1}},
		{"the second changes, with more others than are remembered", two, secondRule(2) + unrelated(3000), []int{1, 2}},
		{"both change, with more others than are remembered", two, firstRule(2) + secondRule(2) + unrelated(3000), nil},
		{"both go", two, "delete", nil},
		{"the last of three changes", three, thirdRule(2), []int{1, 1, 2}},
		{"the first of three changes", three, firstRule(2), []int{1, 1, 1}},
		{"the second of three changes", three, secondOfThree(2), []int{1, 1, 1}},
		{"the first and the last of three change", three, firstRule(2) + thirdRule(2), nil},
		{"the second and the last of three change", three, secondOfThree(2) + thirdRule(2), nil},
		{"all three change", three, firstRule(2) + secondOfThree(2) + thirdRule(2), nil},
		{"others change beside three", three, unrelated(3000), []int{1, 1, 1}},
	} {
		looks := 2 + strings.Count(c.rules, "table=2")
		for _, cached := range []bool{false, true} {
			for _, walk := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, looks before cached: %t, cache brought up to date: %t", c.name, cached, walk), func(t *testing.T) {
					// The last look-up of packets from port 7 is in no cache, however many others there were.
					rules := c.rules + strings.Replace(fmt.Sprintf("add table=%d,priority=40000,udp,tp_src=1,actions=drop\n", looks-1), "table=0,", "", 1)
					s := newSteps(t, "", "a", "b")
					change(t, s.table, rules)
					wait := looks // moments until it waits for the last look-up
					if cached {
						s.send(1, udp(t, 1, 2, 1, 20))
						s.Walk()
						wait = 1
					}
					moments := 0
					err := s.SendAll(1, [][]byte{udp(t, 1, 2, 7, 20)}, func(answers bool) {
						if answers {
							return
						}
						if moments++; moments == wait && c.change != "" {
							change(t, s.table, c.change)
							if walk {
								s.Walk()
							}
						}
					})
					if err != nil {
						t.Fatal(err)
					}
					got, dropped := s.peers["b"].RecvBytes(), value(s.Drops(nil), "rules_changed")
					switch {
					case c.want == nil:
						if len(got) != 0 || dropped != 1 {
							t.Errorf("%d packets left and %d were dropped, want it dropped", len(got), dropped)
						}
					case len(got) != 1 || dropped != 0:
						t.Fatalf("%d packets left and %d were dropped, want it to leave", len(got), dropped)
					case !slices.Equal(stamps(got[0], looks), c.want):
						t.Errorf("it has met versions %v, want %v", stamps(got[0], looks), c.want)
					}
					// The next one meets the new rules alone.
					s.send(1, udp(t, 1, 2, 7, 20))
					if n := value(s.Drops(nil), "rules_changed"); n != dropped {
						t.Errorf("the next packet is dropped as well")
					}
				})
			}
		}
	}
}

// TestAStaleFlowIsMetByNobodyElse: one look-up is answered by the cache as the rules were, since no walk has come by yet,
// the other by the new rules. One packet is lost at most, not all until the walk comes.
func TestAStaleFlowIsMetByNobodyElse(t *testing.T) {
	s := newSteps(t, "", "a", "b")
	change(t, s.table, firstRule(1)+secondRule(1)+"add table=1,priority=40000,udp,tp_src=1,actions=drop\n")
	s.send(1, udp(t, 1, 2, 1, 20)) // the first look-up is cached
	s.Walk()
	change(t, s.table, firstRule(2)+secondRule(2))
	for range 5 {
		s.send(1, udp(t, 1, 2, 7, 20))
	}
	got := s.peers["b"].RecvBytes()
	for _, p := range got {
		if v := stamps(p, 2); v[0] != 2 || v[1] != 2 {
			t.Errorf("a packet has met versions %v", v)
		}
	}
	if n := value(s.Drops(nil), "rules_changed"); n > 1 || len(got)+int(n) != 5 {
		t.Errorf("%d packets left and %d were dropped, want 1 to be dropped at most", len(got), n)
	}
}

// TestClonesMeetOneVersion: a clone is taken up again at once, its original later; between the two the rules change.
func TestClonesMeetOneVersion(t *testing.T) {
	rules := func(n int) string {
		return strings.Replace(firstRule(n), "check_pkt", "clone(check_pkt_larger(500)->NXM_NX_REG0[1],resubmit(,1)),check_pkt", 1) + secondRule(n)
	}
	for _, when := range []int{1, 2, 3} {
		s := newSteps(t, "", "a", "b")
		change(t, s.table, rules(1))
		moments := 0
		if err := s.SendAll(1, [][]byte{udp(t, 1, 2, 7, 20), udp(t, 1, 2, 8, 20)}, func(answers bool) {
			if moments++; moments == when {
				change(t, s.table, rules(2))
			}
		}); err != nil {
			t.Fatal(err)
		}
		got, dropped := s.peers["b"].RecvBytes(), value(s.Drops(nil), "rules_changed")
		for _, p := range got {
			if v := stamps(p, 2); v[0] != v[1] {
				t.Errorf("changed at moment %d: a packet has met versions %v", when, v)
			}
		}
		if len(got)+int(dropped) != 4 {
			t.Errorf("changed at moment %d: %d packets left and %d were dropped, want 4 together", when, len(got), dropped)
		}
	}
}

// TestNoPacketMeetsTwoVersions: under traffic over two workers the rules of all look-ups change together, hundreds of
// times, and others beside them. What leaves has met one version; next to nothing is lost for it.
func TestNoPacketMeetsTwoVersions(t *testing.T) {
	for name, looks := range map[string]int{"two looks": 2, "three looks": 3} {
		t.Run(name, func(t *testing.T) { changing(t, looks) })
	}
}

func changing(t *testing.T, looks int) {
	rules := func(n int) string {
		if n = 1 + n%250; looks == 2 {
			return firstRule(n) + secondRule(n)
		}
		return firstRule(n) + secondOfThree(n) + thirdRule(n)
	}
	table := openflowTable(t, rules(0)+fmt.Sprintf("add table=%d,priority=40000,udp,tp_src=0xffff,actions=drop", looks-1))
	o := twoWorkers
	o.SlowPath = datapath.SlowPath{MaxIdle: 5 * time.Millisecond, Revalidate: 2 * time.Millisecond}
	l := newLab(t, o, table, "a", "b")
	var stop atomic.Bool
	var changes sync.WaitGroup
	changes.Go(func() {
		for n := 1; !stop.Load(); n++ {
			change(t, table, strings.ReplaceAll(rules(n), "add", []string{"add", "modify", "modify"}[n%3]))
			switch n % 4 {
			case 0:
				l.sw.Sync()
			case 1:
				change(t, table, unrelated(5))
			case 2:
				time.Sleep(time.Millisecond)
			}
		}
	})
	left, sent := 0, 0
	met := make(map[int]bool)
	look := func() {
		for _, p := range l.peers["b"].RecvBytes() {
			v := stamps(p, looks)
			left++
			if met[v[0]] = true; slices.Min(v) != slices.Max(v) {
				t.Errorf("a packet has met versions %v", v)
			}
		}
	}
	gone := func() bool {
		look()
		n := uint64(left)
		for _, d := range l.sw.Stats().Drops {
			n += d.Value
		}
		return n == uint64(sent)
	}
	rounds := 200
	if testing.Short() {
		rounds = 60
	}
	for i := range rounds {
		for f := range 128 {
			sent += l.peers["a"].SendBytes(udp(t, 1, 2, uint16(f%16+i/10*16), 20))
			look()
		}
		if waitUntil(t, "all packets have left or were dropped", gone); t.Failed() {
			break
		}
	}
	stop.Store(true)
	changes.Wait()
	lost := value(l.sw.Stats().Drops, "rules_changed")
	t.Logf("%d packets sent, %d left by %d versions, %d were dropped between two", sent, left, len(met), lost)
	if len(met) < 3 {
		t.Errorf("packets have met %d versions only", len(met))
	}
}

// TestNothingIsLostWhenOthersChange: what changes all the time, in the same tables, is about other packets.
func TestNothingIsLostWhenOthersChange(t *testing.T) {
	table := openflowTable(t, firstRule(1)+secondOfThree(1)+thirdRule(1)+"add table=2,priority=40000,udp,tp_src=0xffff,actions=drop")
	o := twoWorkers
	o.SlowPath = datapath.SlowPath{MaxIdle: 5 * time.Millisecond, Revalidate: 2 * time.Millisecond}
	l := newLab(t, o, table, "a", "b")
	for i := range 300 {
		if i%3 == 0 {
			change(t, table, unrelated(40))
		}
		for f := range 16 {
			l.send("a", udp(t, 1, 2, uint16(f+i/10*16), 20))
		}
		l.receive("b", 16)
		if i%7 == 0 {
			l.sw.Sync()
		}
	}
	if n := value(l.sw.Stats().Drops, "rules_changed"); n != 0 {
		t.Errorf("%d packets were dropped", n)
	}
}

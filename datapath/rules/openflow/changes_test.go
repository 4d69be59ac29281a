package openflow

import (
	"fmt"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// concerned reports whether a revalidator would look a cached verdict up again.
func concerned(c *rules.ChangeSet, k *flow.Key, v *rules.Verdict) bool {
	if c.All || c.Moved.Concern(v.Tags, k, &v.Mask, v.Rewrote) || c.Sources.ConcernFrom(v.Tags, k, &v.Mask, v.Rewrote) {
		return true
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if v.Tags&ch.Tag != 0 && (ch.Match == nil || mayMatch(ch.Match, k, v)) {
			return true
		}
	}
	return false
}

// mayMatch reports whether some packet of the verdict may match m, words that were rewritten aside.
func mayMatch(m *flow.Match, k *flow.Key, v *rules.Verdict) bool {
	for b := range m.Mask {
		for i := range m.Mask[b] {
			if v.Rewrote&flow.WordBit(b, i/8) == 0 {
				mask := v.Mask[b][i]
				if b == flow.Base && i < flow.OffEthDst || b >= flow.FastBlocks {
					mask = 0xff // always consulted: in_port and recirc_id, and what all packets have as zero
				}
				if (m.Key[b][i]^k[b][i])&m.Mask[b][i]&mask != 0 {
					return false
				}
			}
		}
	}
	return true
}

func TestTheFirstToAskHearsEverything(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1), "")
	var c rules.ChangeSet
	v := tb.Changes(0, &c)
	if !c.All || v == 0 {
		t.Errorf("got %+v, version %d", c, v)
	}
	c = rules.ChangeSet{}
	if again := tb.Changes(v, &c); again != v || c.All || len(c.Changes) != 0 {
		t.Errorf("nothing changed: got %+v, version %d", c, again)
	}
}

func TestChangesName(t *testing.T) {
	for _, c := range []struct {
		name    string
		flows   string
		change  func(tb *Table)
		packets map[string]bool // whether it is concerned
	}{
		{"a rule, the packets it could match", "actions=2", func(tb *Table) { add(t, tb, "tcp,tp_dst=80,actions=3") },
			map[string]bool{"in_port=1,tcp,tp_dst=80": true}},
		{"a rule of one port, packets from there", "in_port=1,actions=2\nin_port=2,actions=1", func(tb *Table) { add(t, tb, "priority=9,in_port=2,actions=3") },
			map[string]bool{"in_port=1": false, "in_port=2": true}},
		{"a rule gone", "priority=9,in_port=1,actions=2\nactions=3", func(tb *Table) {
			x, _ := ParseFilter("in_port=1", false)
			tb.DeleteFlows(x)
		}, map[string]bool{"in_port=1": true, "in_port=2": false}},
		{"an address, packets to it", "actions=NORMAL", func(tb *Table) { live(t, tb, "in_port=3,dl_src=02:00:00:00:00:0b") },
			map[string]bool{"in_port=1," + fromA: true, "in_port=1," + fromB: false}},
		{"an address forgotten", "actions=NORMAL", func(tb *Table) { tb.FlushAddresses(fdb.Filter{}) },
			map[string]bool{"in_port=1," + fromB: true, "in_port=2," + fromA: false}},
		{"a rule of another table, packets that changed before they came there", "actions=mod_dl_dst:00:00:00:00:00:01,resubmit(,1)\ntable=1,actions=2",
			func(tb *Table) { add(t, tb, "table=1,dl_dst=00:00:00:00:00:01,actions=3") },
			map[string]bool{"in_port=1,dl_dst=00:00:00:00:00:07": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, _ := newTable(t, Options{}, trunks(1, 2, 3), c.flows)
			tb.salt = 1 // tags that the packets here do not share by chance
			live(t, tb, "in_port=2,"+fromA)
			before := make(map[string]*rules.Verdict)
			for p := range c.packets {
				before[p] = look(t, tb, p)
			}
			version := tb.Changes(0, new(rules.ChangeSet))
			version = tb.Changes(version, new(rules.ChangeSet)) // what has changed so far is told
			c.change(tb)
			var set rules.ChangeSet
			tb.Changes(version, &set)
			for p, want := range c.packets {
				if got := concerned(&set, packet(t, p), before[p]); got != want {
					t.Errorf("%s: got concerned %v, want %v", p, got, want)
				}
			}
		})
	}
}

func TestTheLogForgetsNotSilently(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "")
	version := tb.Changes(0, new(rules.ChangeSet))
	for i := range changesKept {
		add(t, tb, fmt.Sprintf("priority=%d,actions=2", i))
	}
	var c rules.ChangeSet
	if tb.Changes(version, &c); c.All || len(c.Changes) != changesKept {
		t.Errorf("as many as are kept: got all %v and %d changes, want %d", c.All, len(c.Changes), changesKept)
	}
	add(t, tb, "priority=5000,actions=2")
	c = rules.ChangeSet{}
	if tb.Changes(version, &c); !c.All {
		t.Error("one more: got not all, want all")
	}
}

// TestAnAddressThatIsLearnedIsAnotherVersion: who looks at the version alone hears of it, though paths go on.
func TestAnAddressThatIsLearnedIsAnotherVersion(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "actions=NORMAL")
	version, others := tb.Version(), tb.log.others.Load()
	for _, step := range []string{"in_port=1," + fromB, "in_port=2," + fromB} { // new, moved
		live(t, tb, step)
		if now := tb.Version(); now == version {
			t.Errorf("%s: version %d as before", step, now)
		}
		version = tb.Version()
	}
	if now := tb.log.others.Load(); now != others {
		t.Errorf("%d changes of something else than addresses, want none", now-others)
	}
}

// TestAStormOfAddressesLeavesTheLogAlone: more addresses than the log has room for are told without a word
// of other flows, and without garbage.
func TestAStormOfAddressesLeavesTheLogAlone(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "actions=NORMAL")
	other := packet(t, "in_port=1,"+fromB)
	v := look(t, tb, "in_port=1,"+fromB)
	version := tb.Changes(0, new(rules.ChangeSet))
	version = tb.Changes(version, new(rules.ChangeSet))
	rule := version
	add(t, tb, "priority=7,in_port=2,actions=1")
	n, concernedInVain := uint64(0), 0
	var c rules.ChangeSet
	storm := func() {
		for range 2 * changesKept {
			n++
			mac := [6]byte{6, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
			tb.learned(fdb.MakeKey(0, mac), fdb.Result{New: true})
		}
		c.Reset()
		version = tb.Changes(version, &c)
		if c.All {
			t.Error("got all flows, want those to the addresses")
		}
		if concerned(&c, other, v) {
			concernedInVain++
		}
	}
	storm()
	if len(c.Changes) != 1 || version != rule+2*changesKept+1 {
		t.Errorf("got %d changes of rules and version %d, want 1 and %d", len(c.Changes), version, rule+2*changesKept+1)
	}
	if got := testing.AllocsPerRun(100, storm); got != 0 {
		t.Errorf("%v objects allocated", got)
	}
	if concernedInVain > 20 { // 3 % of 102
		t.Errorf("a flow to another address was concerned %d times of 102", concernedInVain)
	}
}

// TestNoVerdictChangesUnannounced: whatever changes, a verdict that is another one now was concerned by
// the changes the table told of.
func TestNoVerdictChangesUnannounced(t *testing.T) {
	changed := 0
	seeds := uint64(150)
	if testing.Short() {
		seeds = 25
	}
	for seed := range seeds {
		g := newGenerator(seed)
		tw := g.twin()
		tb, clock := newTable(t, Options{}, tw.ports, "")
		if err := tb.AddGroups(tw.groups); err != nil {
			t.Fatal(err)
		}
		if err := tb.AddFlows(tw.flows); err != nil {
			t.Fatal(err)
		}
		type cached struct {
			key flow.Key
			v   *rules.Verdict
		}
		var cache []cached
		for range 60 {
			k := g.key()
			cache = append(cache, cached{k, lookQuery(t, tb, &rules.Query{Key: &k})})
		}
		version := tb.Changes(0, new(rules.ChangeSet))
		for range 10 {
			what := g.change(tb, clock)
			var set rules.ChangeSet
			version = tb.Changes(version, &set)
			for i := range cache {
				e := &cache[i]
				now := lookQuery(t, tb, &rules.Query{Key: &e.key})
				// It may look at other bits now, and rely on them for leaving out a set: what it did look at
				// is still enough for what it said.
				out, why := execute(now.Actions.Words(), &e.key)
				was, whyBefore := execute(e.v.Actions.Words(), &e.key)
				same := slices.Equal(out, was) && why == whyBefore && slices.Equal(now.Trail, e.v.Trail)
				if concerned(&set, &e.key, e.v) {
					e.v = now // even the same one may rest on something else now
				} else if !same {
					t.Fatalf("seed %d, %s: a verdict became %s, was %s, and no change concerns it", seed, what, program(now), program(e.v))
				}
				if !same {
					changed++
				}
			}
		}
	}
	if changed < 1000 {
		t.Errorf("%d verdicts changed: the test tests nothing", changed)
	}
}

// change changes something and says what.
func (g *generator) change(tb *Table, clock *fakeClock) string {
	clock.now += second
	key := fdb.MakeKey(pick[uint16](g, 0, 5, 7), [6]byte{2, 0, 0, 0, 0, byte(1 + g.IntN(3))})
	port := uint32(101 + g.IntN(5))
	switch g.IntN(7) {
	case 0, 1:
		f := g.flow(uint16(100 + g.IntN(100)))
		if err := tb.AddFlows([]Flow{f}); err != nil {
			return err.Error()
		}
		return "added " + f.String()
	case 2:
		all := tb.Flows(AllFlows())
		if len(all) == 0 {
			return "nothing"
		}
		f := all[g.IntN(len(all))].Flow
		tb.DeleteFlows(Filter{Table: f.Table, Match: f.Match, Priority: f.Priority, Strict: true})
		return "deleted " + f.String()
	case 3:
		tb.learned(key, tb.fdb.Learn(key, port, clock.now))
		return fmt.Sprintf("learned %v on %d", key, port)
	case 4:
		tb.FlushAddresses(fdb.Filter{Port: port, OnPort: true})
		return fmt.Sprintf("flushed %d", port)
	case 5:
		if err := tb.SetOptions(Options{ForwardBPDU: g.IntN(2) == 0}); err != nil {
			return err.Error()
		}
		return "forward-bpdu"
	}
	ports := g.twin().ports
	ports[g.IntN(5)].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: pick[uint16](g, 5, 7)}
	tb.SetPorts(ports[:5-g.IntN(2)])
	return "ports"
}

package openflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
)

// apply makes the changes in text, one a line, and returns what went wrong.
func apply(t *testing.T, tb *Table, text string) (int, error) {
	t.Helper()
	list, err := Parser{Ports: tb}.ParseChanges(strings.NewReader(text), "test")
	if err != nil {
		t.Fatal(err)
	}
	n, err := tb.Apply(list)
	return n.Total(), err
}

func TestSeveralChangesAreOne(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "cookie=7,priority=7,arp,actions=2\nudp,actions=2")
	n, err := apply(t, tb, `
		priority=1,actions=1
		add priority=2,actions=2  # and a remark
		modify_strict priority=1,actions=3
		delete_strict priority=2
		delete cookie=7/-1
		add table=9, send_flow_rem,importance=3,actions=resubmit(,1)
		modify udp,actions=drop`)
	if err != nil || n != 7 {
		t.Fatalf("got %d, %v; want 7 flows changed", n, err)
	}
	want := "udp actions=drop\npriority=1 actions=output:3\ntable=9, send_flow_rem importance=3, actions=resubmit(,1)\n"
	if got := dump(tb); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestAChangeThatCannotBeMadeTakesTheOthersWithIt(t *testing.T) {
	const before = "priority=7,tcp,nw_src=10.0.0.0/8,actions=2\npriority=7,udp,actions=2\npriority=5,arp,idle_timeout=5,actions=1\n"
	for _, c := range []struct {
		name, changes string
		index         int
		want          error
	}{
		{"overlap", "add table=1,actions=1\ndelete udp\nadd priority=7,tcp,check_overlap,tp_dst=80,actions=3", 2, ErrOverlap},
		{"full", "delete_strict priority=7,udp\nadd ip,actions=1\nmodify reset_counts,actions=drop\nadd dl_type=0x1234,actions=1", 3, ErrTableFull},
		{"goto_table backwards", "add table=4,actions=1\ndelete arp\nmodify actions=goto_table:3", 2, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, clock := newTable(t, Options{}, trunks(1, 2, 3), before)
			if err := tb.SetLimits(map[uint8]Limit{0: Limit{Flows: 3}}); err != nil {
				t.Fatal(err)
			}
			tb.Credit(look(t, tb, "in_port=1,udp").Trail, 3, 300, clock.now)
			was, version := dump(tb), tb.Changes(0, new(rules.ChangeSet))
			events := tb.Subscribe(WatchAll(), 10)
			_, err := apply(t, tb, c.changes)
			var which *ChangeError
			if !errors.As(err, &which) || which.Index != c.index || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want change %d to fail for %v", err, c.index+1, c.want)
			}
			if got := dump(tb); got != was {
				t.Errorf("got\n%swant\n%s", got, was)
			}
			if got := tb.Changes(version, new(rules.ChangeSet)); got != version || len(events.C) != 0 {
				t.Errorf("version %d was %d, %d events: want nobody to hear of it", got, version, len(events.C))
			}
			for _, s := range tb.Flows(AllFlows()) {
				if want := map[bool]uint64{true: 3}[strings.Contains(s.String(), "udp")]; s.Packets != want {
					t.Errorf("%s: got %d packets, want %d", s.String(), s.Packets, want)
				}
			}
			clock.now += 6 * second
			if n := tb.Expire(clock.now); n != 1 {
				t.Errorf("%d flows expired afterwards, want the one with a timeout", n)
			}
		})
	}
}

func TestAFlowMayReplaceOneThatItOverlaps(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "check_overlap,priority=5,tcp,actions=1\npriority=6,ip,check_overlap,actions=1")
	add(t, tb, "check_overlap,priority=5,tcp,actions=2")
	if got, want := dump(tb), "check_overlap priority=6,ip actions=output:1\ncheck_overlap priority=5,tcp actions=output:2\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestAModificationLeavesTimeoutsFlagsAndCountsAlone(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2, 3), "cookie=1,idle_timeout=60,importance=3,send_flow_rem,tcp,actions=2")
	tb.Credit(look(t, tb, "in_port=1,tcp").Trail, 3, 300, clock.now)
	check := func(change, want string, packets uint64) {
		t.Helper()
		if _, err := apply(t, tb, change); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(dump(tb)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", change, got, want)
		}
		if got := tb.Flows(AllFlows())[0].Packets; got != packets {
			t.Errorf("%s: got %d packets, want %d", change, got, packets)
		}
	}
	check("modify cookie=9,idle_timeout=11,hard_timeout=12,no_byte_counts,ip,actions=3",
		"cookie=0x9, idle_timeout=60, send_flow_rem importance=3, tcp actions=output:3", 3)
	check("modify reset_counts,ip,actions=1", "cookie=0x9, idle_timeout=60, send_flow_rem importance=3, tcp actions=output:1", 0)
}

func TestChangesReadAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{
		"add cookie=0x5, table=3, idle_timeout=60, hard_timeout=100, send_flow_rem check_overlap reset_counts no_packet_counts no_byte_counts importance=7, priority=5,tcp actions=output:2",
		"modify ip actions=drop", "modify_strict priority=5,ip actions=drop", "delete", "delete table=3, tcp",
		"delete_strict cookie=0x4/0xff, out_port=2, priority=9,udp",
	} {
		c, err := Parser{}.ParseChange(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.String(); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
	for text, col := range map[string]int{"delete tcp,actions=1": 20, "add nosuch=3": 5, "  modify actions=nosuch": 18, "remove tcp": 1} {
		_, err := Parser{}.ParseChange(text)
		if se := (*SyntaxError)(nil); !errors.As(err, &se) || se.Col != col {
			t.Errorf("%q: got %v, want a mistake in column %d", text, err, col)
		}
	}
}

func TestSubscribersHearWhatHappensToFlows(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2), "priority=3,tcp,actions=2")
	all, few := tb.Subscribe(WatchAll(), 100), tb.Subscribe(WatchAll(), 2)
	one := tb.Subscribe(Watch{Filter: Filter{Table: 1}}, 100)
	tb.Credit(look(t, tb, "in_port=1,tcp").Trail, 3, 300, clock.now)
	add(t, tb, "priority=1,idle_timeout=1,send_flow_rem,actions=1\ntable=1,hard_timeout=2,cookie=5,actions=1")
	if _, err := apply(t, tb, "modify tcp,actions=1\nadd priority=3,tcp,actions=drop"); err != nil {
		t.Fatal(err)
	}
	clock.now += 2500e6
	tb.Expire(clock.now)
	tb.DeleteFlows(AllFlows())
	want := []string{
		"event=ADDED table=0 idle_timeout=1 cookie=0 priority=1 actions=output:1",
		"event=ADDED table=1 hard_timeout=2 cookie=0x5 actions=output:1",
		"event=MODIFIED table=0 cookie=0 priority=3,tcp actions=output:1",
		"event=DELETED reason=delete table=0 cookie=0 priority=3,tcp actions=output:1",
		"event=ADDED table=0 cookie=0 priority=3,tcp actions=drop",
		"event=DELETED reason=idle table=0 idle_timeout=1 cookie=0 priority=1 actions=output:1",
		"priority=1 reason=idle table_id=0 cookie:0x0 duration2.500s idle1 hard0 pkts0 bytes0",
		"event=DELETED reason=hard table=1 hard_timeout=2 cookie=0x5 actions=output:1",
		"event=DELETED reason=delete table=0 cookie=0 priority=3,tcp actions=drop",
	}
	for i, text := range want {
		e := <-all.C
		if got := e.Text(); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
		if i == 3 && (e.Packets != 3 || e.Bytes != 300) {
			t.Errorf("%s: got %d packets, %d bytes, want 3 and 300", text, e.Packets, e.Bytes)
		}
	}
	if len(few.C) != 2 || few.Lost() != uint64(len(want)-2) {
		t.Errorf("a queue of 2 holds %d and has lost %d of %d", len(few.C), few.Lost(), len(want))
	}
	if len(one.C) != 2 {
		t.Errorf("table 1: got %d events, want 2", len(one.C))
	}
	all.Close()
	all.Close()
	add(t, tb, "actions=1")
	if _, open := <-all.C; open {
		t.Error("an event after Close")
	}
}

// A flow's last word comes when the caches have told all they know of it.
func TestTheLastWordOfAFlowHasAllItsPackets(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2), "send_flow_rem,tcp,actions=2\nudp,actions=2")
	events := tb.Subscribe(WatchAll(), 10)
	version := tb.Changes(0, new(rules.ChangeSet))
	tb.Settled(version, clock.now)
	trail := look(t, tb, "in_port=1,tcp").Trail
	tb.Credit(trail, 3, 300, clock.now)
	tb.DeleteFlows(AllFlows())
	tb.Settled(version, clock.now) // a walk that began before
	tb.Credit(trail, 4, 400, clock.now)
	tb.Settled(tb.Changes(version, new(rules.ChangeSet)), clock.now)
	tb.Credit(trail, 5, 500, clock.now) // by somebody who is mistaken
	var got []string
	for len(events.C) > 0 {
		e := <-events.C
		got = append(got, fmt.Sprint(e.Kind, " ", e.Packets))
	}
	if want := []string{"DELETED 3", "DELETED 0", "REMOVED 7"}; !slices.Equal(got, want) && !slices.Equal(got, []string{want[1], want[0], want[2]}) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFlowIsNotIdleBeforeTheCachesHaveTold(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2), "idle_timeout=5,tcp,actions=2")
	trail, start := look(t, tb, "in_port=1,tcp").Trail, clock.now
	tb.Settled(1, start)
	clock.now += 6 * second
	if n := tb.Expire(clock.now); n != 0 {
		t.Fatal("a flow expired although nobody knows of packets in the last 6 s")
	}
	tb.Credit(trail, 1, 60, start+2*second)
	tb.Settled(2, clock.now)
	if n := tb.Expire(clock.now); n != 0 {
		t.Fatal("a flow expired 4 s after its last packet")
	}
	clock.now += second
	tb.Settled(3, clock.now)
	if n := tb.Expire(clock.now); n != 1 {
		t.Error("a flow is there 5 s after its last packet")
	}
}

func TestFullTables(t *testing.T) {
	left := func(tb *Table) (list []uint16) {
		for _, s := range tb.Flows(AllFlows()) {
			list = append(list, s.Priority)
		}
		return list
	}
	for _, c := range []struct {
		name   string
		limit  Limit
		flows  []string // added one by one, of priority 1 and up
		want   []uint16 // what is left of them, highest first
		errors int
	}{
		{"refuse", Limit{Flows: 2}, []string{"", "hard_timeout=5,", "", ""}, []uint16{2, 1}, 2},
		{"flows without a timeout stay", Limit{Flows: 2, Evict: true}, []string{"", "hard_timeout=5,", "", ""}, []uint16{3, 1}, 1},
		{
			"the least important first, then who would go first", Limit{Flows: 3, Evict: true},
			[]string{"idle_timeout=10,importance=5,", "hard_timeout=100,importance=1,", "hard_timeout=50,importance=1,", "", ""}, []uint16{5, 4, 1}, 0,
		},
		{
			"of the largest group", Limit{Flows: 3, Evict: true, Groups: mustParts(t, "in_port")},
			[]string{"hard_timeout=9,in_port=1,", "hard_timeout=80,in_port=2,", "hard_timeout=60,in_port=2,", "hard_timeout=99,in_port=2,"},
			[]uint16{4, 2, 1}, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, _ := newTable(t, Options{}, trunks(1, 2), "")
			if err := tb.SetLimits(map[uint8]Limit{0: c.limit}); err != nil {
				t.Fatal(err)
			}
			refused := 0
			for i, f := range c.flows {
				if _, err := apply(t, tb, fmt.Sprintf("add %spriority=%d,actions=1", f, i+1)); errors.Is(err, ErrTableFull) {
					refused++
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if got := left(tb); fmt.Sprint(got) != fmt.Sprint(c.want) || refused != c.errors {
				t.Errorf("left %v, %d refused; want %v, %d", got, refused, c.want, c.errors)
			}
		})
	}
	t.Run("a lower limit evicts", func(t *testing.T) {
		tb, clock := newTable(t, Options{}, trunks(1, 2), "priority=1,idle_timeout=10,tcp,actions=1\npriority=2,hard_timeout=13,actions=1\npriority=3,actions=1")
		clock.now += 5 * second // a packet keeps the idle timeout away
		tb.Credit(look(t, tb, "in_port=1,tcp").Trail, 1, 60, clock.now)
		if err := tb.SetLimits(map[uint8]Limit{0: Limit{Flows: 3, Evict: true}}); err != nil {
			t.Fatal(err)
		}
		tb.Credit([]uint64{ruleWord(tb.slots[0].rule)}, 1, 60, clock.now)
		if err := tb.SetLimits(map[uint8]Limit{0: Limit{Flows: 2, Evict: true}}); err != nil {
			t.Fatal(err)
		}
		if got := left(tb); fmt.Sprint(got) != "[3 1]" {
			t.Errorf("left %v, want 3 and 1", got)
		}
	})
}

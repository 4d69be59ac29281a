package openflow

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// upPorts are trunks with a carrier, but for those named.
func upPorts(down ...uint32) []rules.Port {
	list := trunks(1, 2, 3, 4, 5, 6)
	for i := range list {
		list[i].Up = !slices.Contains(down, list[i].Number)
	}
	return list
}

// groupTable returns a table with groups, one a line, and flows.
func groupTable(tb testing.TB, groups, flows string) *Table {
	tb.Helper()
	t, _ := newTable(tb, Options{}, upPorts(), "")
	addGroups(tb, t, groups)
	add(tb, t, flows)
	return t
}

// addGroups adds groups, one a line.
func addGroups(tb testing.TB, t *Table, groups string) {
	tb.Helper()
	list, err := Parser{}.ParseGroups(strings.NewReader(groups), "test")
	if err != nil {
		tb.Fatal(err)
	}
	if err := t.AddGroups(list); err != nil {
		tb.Fatal(err)
	}
}

func groupMod(tb testing.TB, text string) *GroupMod {
	tb.Helper()
	g, err := Parser{}.ParseGroup(text)
	if err != nil {
		tb.Fatal(err)
	}
	return &g
}

func TestBucketsWorkOnCopies(t *testing.T) {
	for _, c := range []struct{ groups, actions, want string }{
		{"group_id=1,type=all,bucket=mod_dl_dst:00:00:00:00:00:02,2,bucket=mod_dl_dst:00:00:00:00:00:03,3,bucket=4", "group:1,5",
			"set(dl_dst=00:00:00:00:00:02),output:2,set(dl_dst=00:00:00:00:00:03),output:3,set(dl_dst=00:00:00:00:00:00),output:4,output:5"},
		{"group_id=1,type=all,bucket=push_vlan:0x8100,mod_vlan_vid:5,2,bucket=strip_vlan,3", "group:1",
			"clone(push_vlan(vid=5,pcp=0),output:2),output:3"},
		{"group_id=1,type=indirect,bucket=mod_dl_dst:00:00:00:00:00:02,2", "group:1", "set(dl_dst=00:00:00:00:00:02),output:2"},
		// A bucket is an action set: the last output counts, in the order of sets.
		{"group_id=1,type=indirect,bucket=2,3,mod_dl_dst:00:00:00:00:00:02", "group:1", "set(dl_dst=00:00:00:00:00:02),output:3"},
		{"group_id=1,type=indirect,bucket=group:2\ngroup_id=2,type=all,bucket=2,bucket=3", "group:1,4", "output:2,output:3,output:4"},
		{"group_id=1,type=all,bucket=resubmit(,1),bucket=3", "group:1,4", "output:6,output:3,output:4"},
		{"group_id=1,type=all", "group:1", "drop(rule)"},
		{"group_id=1,type=ff,bucket=watch_port:2,3,bucket=watch_port:4,4", "group:1", "output:3"},
		{"group_id=1,type=select", "group:1", "hash(sym_l4(0)),recirc(0x80000001)"},
		{"group_id=1,type=select,selection_method=hash,fields(eth_src),bucket=2", "group:1", "output:2"},
	} {
		table := groupTable(t, c.groups, "actions="+c.actions+"\ntable=1,actions=6,exit,2")
		if got := program(look(t, table, "in_port=1,tcp")); got != c.want {
			t.Errorf("%s with %s\ngot  %s\nwant %s", c.groups, c.actions, got, c.want)
		}
	}
}

func TestFastFailoverFollowsPorts(t *testing.T) {
	table := groupTable(t, "group_id=1,type=ff,bucket=watch_port:5,5\ngroup_id=2,type=ff,bucket=watch_port:2,2,bucket=watch_port:3,3,bucket=watch_group:1,4", "actions=group:2")
	step := func(want string, down ...uint32) {
		t.Helper()
		before := look(t, table, "in_port=1,ip")
		version := table.Changes(0, new(rules.ChangeSet))
		table.SetPorts(upPorts(down...))
		after := look(t, table, "in_port=1,ip")
		if got := program(after); got != want {
			t.Errorf("with ports %v down: %s, want %s", down, got, want)
		}
		var c rules.ChangeSet
		table.Changes(version, &c)
		concerned := slices.ContainsFunc(c.Changes, func(ch rules.Change) bool { return ch.Tag&before.Tags != 0 })
		if program(before) != want && !concerned && !c.All {
			t.Errorf("ports %v down change the verdict, and nothing tells the cache", down)
		}
	}
	step("output:2")
	step("output:3", 2)
	step("output:4", 2, 3)
	step("drop(no_live_bucket)", 2, 3, 5)
	step("output:4", 2, 3)
	step("output:2", 3, 5)
}

func TestGroupsChangeAsAWhole(t *testing.T) {
	table := groupTable(t, "group_id=1,type=all,bucket=2,bucket=3", "actions=group:1\npriority=1,actions=write_actions(group:1)\ntable=1,actions=2")
	want := func(program1, dump string) {
		t.Helper()
		if got := program(look(t, table, "in_port=1,ip")); got != program1 {
			t.Errorf("program %s, want %s", got, program1)
		}
		var lines []string
		for _, g := range table.Groups() {
			lines = append(lines, g.Group.String())
		}
		if got := strings.Join(lines, "\n"); got != dump {
			t.Errorf("groups\n%s\nwant\n%s", got, dump)
		}
	}
	fails := func(err error, names string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("got %v, want an error that names %q", err, names)
		}
	}
	two := "group_id=1,type=all,bucket=bucket_id:0,actions=output:2,bucket=bucket_id:1,actions=output:3"
	want("output:2,output:3", two)
	fails(table.AddGroups([]Group{groupMod(t, "group_id=2,type=all").Group, groupMod(t, "group_id=1,type=all").Group}), "free")
	fails(table.ModGroups([]Group{groupMod(t, "group_id=7,type=all").Group}, false), "found none")
	fails(table.ModGroups([]Group{groupMod(t, "group_id=1,type=all,bucket=group:1").Group}, false), "lead to themselves")
	fails(table.AddGroups([]Group{groupMod(t, "group_id=2,type=all,bucket=group:3").Group}), "group 3")
	fails(table.AddGroups([]Group{groupMod(t, "group_id=2,type=all,bucket=bucket_id=1,2,bucket=bucket_id=1,2").Group}), "twice")
	fails(table.InsertBuckets([]GroupMod{*groupMod(t, "group_id=1,command_bucket_id=9,bucket=4")}), "no bucket 9")
	fails(table.InsertBuckets([]GroupMod{*groupMod(t, "group_id=1,bucket=bucket_id=1,4")}), "twice")
	fails(table.RemoveBuckets([]GroupMod{*groupMod(t, "group_id=1")}), "command_bucket_id")
	list, _ := ParseFlow("actions=group:9")
	fails(table.AddFlows([]Flow{list}), "group 9")
	want("output:2,output:3", two)

	if err := table.InsertBuckets([]GroupMod{*groupMod(t, "group_id=1,command_bucket_id=0,bucket=bucket_id=9,4")}); err != nil {
		t.Fatal(err)
	}
	want("output:2,output:4,output:3", "group_id=1,type=all,bucket=bucket_id:0,actions=output:2,bucket=bucket_id:9,actions=output:4,bucket=bucket_id:1,actions=output:3")
	if err := table.RemoveBuckets([]GroupMod{*groupMod(t, "group_id=1,command_bucket_id=first")}); err != nil {
		t.Fatal(err)
	}
	want("output:4,output:3", "group_id=1,type=all,bucket=bucket_id:9,actions=output:4,bucket=bucket_id:1,actions=output:3")
	if err := table.ModGroups([]Group{groupMod(t, "group_id=1,type=indirect,bucket=5").Group}, false); err != nil {
		t.Fatal(err)
	}
	want("output:5", "group_id=1,type=indirect,bucket=bucket_id:0,actions=output:5")
	if n, err := table.DeleteGroup(1); n != 2 || err != nil {
		t.Errorf("deleting the group took %d flows, %v; want 2", n, err)
	}
	want("drop(no_match)", "")
	if table.Len() != 1 {
		t.Errorf("%d flows are left, want 1", table.Len())
	}
}

func TestGroupsAndBucketsCountWhatGoesThroughThem(t *testing.T) {
	table := groupTable(t, "group_id=1,type=all,bucket=2,bucket=3\ngroup_id=2,type=indirect,bucket=group:1",
		"in_port=1,actions=group:1\nin_port=2,actions=group:2\nin_port=3,actions=group:1")
	credit := func(packet string, packets, bytes uint64) {
		table.Credit(look(t, table, packet).Trail, packets, bytes, 1)
	}
	credit("in_port=1", 3, 300)
	credit("in_port=2", 1, 60)
	old := look(t, table, "in_port=1").Trail
	if err := table.RemoveBuckets([]GroupMod{*groupMod(t, "group_id=1,command_bucket_id=first")}); err != nil {
		t.Fatal(err)
	}
	table.Credit(old, 1, 100, 1) // the last of what went before
	var got []string
	for _, g := range table.Groups() {
		_, text, _ := strings.Cut(g.Text(), "ref_count")
		got = append(got, text)
	}
	want := []string{
		"=2,packet_count=5,byte_count=460,bucket0:packet_count=5,byte_count=460",
		"=1,packet_count=1,byte_count=60,bucket0:packet_count=1,byte_count=60",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if err := table.ModGroups([]Group{groupMod(t, "group_id=1,type=all,bucket=2").Group}, false); err != nil {
		t.Fatal(err)
	}
	table.Credit(old, 1, 100, 1)
	if g := table.Groups()[0]; g.Packets != 0 || g.Buckets[0].Packets != 0 {
		t.Errorf("a new group counts what was another's: %s", g.Text())
	}
}

func TestAFilterByGroupSelectsWhatNamesIt(t *testing.T) {
	table := groupTable(t, "group_id=0,type=all\ngroup_id=1,type=all", "priority=1,actions=clone(group:1)\npriority=2,actions=write_actions(group:1)\npriority=3,actions=group:0")
	for text, want := range map[string]int{"out_group=1": 2, "out_group=0": 1, "out_group=5": 0, "": 3} {
		f, err := ParseFilter(text, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(table.Flows(f)); got != want {
			t.Errorf("%q selects %d flows, want %d", text, got, want)
		}
		if again, err := ParseFilter(f.String(), false); err != nil || again != f {
			t.Errorf("%q is written %q, which is another filter (%v)", text, f.String(), err)
		}
	}
}

// bucketsOf returns how many of a group's slots each bucket has.
func bucketsOf(spread []uint16, n int) []int {
	got := make([]int, n)
	for _, i := range spread {
		if i != noBucket {
			got[i]++
		}
	}
	return got
}

func TestSlotsAreSharedByWeight(t *testing.T) {
	for _, weights := range [][]uint16{{1}, {1, 1}, {1, 2, 3}, {1, 1000}, {0, 1}, {65535, 1, 1, 1}, {7, 0, 7, 0}, {1, 1, 1}, make([]uint16, 256), {0, 0}} {
		buckets := make([]Bucket, len(weights))
		total := 0
		for i, w := range weights {
			if len(weights) == 256 {
				w = uint16(i % 5)
			}
			buckets[i] = Bucket{ID: uint32(i), Weight: w, WatchGroup: NoGroup}
			total += int(w)
		}
		spread := newSpread(buckets)
		for i, got := range bucketsOf(spread, len(buckets)) {
			w := int(buckets[i].Weight)
			if total == 0 {
				total = math.MaxInt32
			}
			exact := float64(len(spread)) * float64(w) / float64(total)
			few := w > 0 && exact < 1 && got == 1
			if math.Abs(float64(got)-exact) >= 1 && !few && len(weights) < 256 && !(w == 65535 && got == 253) {
				t.Errorf("weights %v: bucket %d has %d of %d slots, want %.1f", weights, i, got, len(spread), exact)
			}
			if w == 0 && got != 0 || w > 0 && got == 0 {
				t.Errorf("weights %v: bucket %d of weight %d has %d slots", weights, i, w, got)
			}
		}
	}
}

func TestABucketThatGoesMovesFewOthers(t *testing.T) {
	for _, n := range []int{2, 3, 4, 8, 16, 64} {
		buckets := make([]Bucket, n)
		for i := range buckets {
			buckets[i] = Bucket{ID: uint32(i), Weight: uint16(1 + i%3), WatchGroup: NoGroup}
		}
		whole := newSpread(buckets)
		moved := 0
		for gone := range buckets {
			left := slices.Delete(slices.Clone(buckets), gone, gone+1)
			for slot, i := range newSpread(left) {
				if was := whole[slot]; int(was) != gone && buckets[was].ID != left[i].ID {
					moved++
				}
			}
		}
		share := float64(moved) / float64(n*len(whole))
		t.Logf("%d buckets: %.1f %% of the slots move that need not", n, 100*share)
		if share > 0.1 {
			t.Errorf("%d buckets: %.1f %% of the slots move that need not", n, 100*share)
		}
	}
}

func TestASelectGroupAsksForAHashAndFollowsIt(t *testing.T) {
	table := groupTable(t, "group_id=1,type=select,bucket=weight:3,watch_port:2,2,bucket=3", "actions=load:7->reg0,group:1,resubmit(,1)\ntable=1,reg0=7,actions=4")
	first := look(t, table, "in_port=1,tcp,tcp_dst=80")
	id := recircID(t, first, "hash(sym_l4(0)),recirc(0x%x)")
	if got := consulted(first); got != "" {
		t.Errorf("before the hash, %s is consulted", got)
	}
	count := map[string]int{}
	slots := map[string]uint64{}
	for hash := range uint64(1024) {
		v := look(t, table, fmt.Sprintf("in_port=1,recirc_id=0x%x,dp_hash=0x%x,tcp", id, hash*0x00010101))
		count[program(v)]++
		slots[program(v)] = hash
		if got := v.Mask.Uint(flow.FieldDPHash); got != 0xff {
			t.Fatalf("dp_hash is consulted in %#x, want 0xff", got)
		}
	}
	if want := map[string]int{"output:2,output:4": 768, "output:3,output:4": 256}; fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("buckets got %v, want %v", count, want)
	}
	// The id stays, whoever asks; flows keep the context.
	if again := recircID(t, look(t, table, "in_port=1,udp"), "hash(sym_l4(0)),recirc(0x%x)"); again != id {
		t.Errorf("the same state has ids %#x and %#x", id, again)
	}
	table.SetPorts(upPorts(2))
	v := look(t, table, fmt.Sprintf("in_port=1,recirc_id=0x%x,dp_hash=0x%x,tcp", id, slots["output:2,output:4"]*0x00010101))
	if got := program(v); got != "output:3,output:4" {
		t.Errorf("with its bucket dead, a flow gets %s", got)
	}
}

// recircID returns the id that a verdict's program, which is to look like format, recirculates under, and
// checks that its trail keeps it.
func recircID(tb testing.TB, v *rules.Verdict, format string) uint32 {
	tb.Helper()
	var id uint32
	if n, err := fmt.Sscanf(program(v), format, &id); n != 1 || fmt.Sprintf(format, id) != program(v) {
		tb.Fatalf("program %s, want %s: %v", program(v), format, err)
	}
	if !slices.Contains(v.Trail, contextWord(id)) {
		tb.Fatalf("the trail %x does not name context %#x", v.Trail, id)
	}
	return id
}

func TestASelectGroupByFieldsConsultsThem(t *testing.T) {
	table := groupTable(t, "group_id=1,type=select,selection_method=hash,fields(ip_src=255.255.0.0,tcp_dst,ipv6_src),bucket=2,bucket=3,bucket=4", "actions=group:1")
	v := look(t, table, "in_port=1,tcp,nw_src=10.1.2.3,tcp_dst=80")
	if got, want := consulted(v), "dl_type,nw_src/0xffff0000,nw_proto,nw_frag/0x2,tcp_dst"; got != want {
		t.Errorf("consulted %s, want %s", got, want)
	}
	count := map[string]int{}
	for port := range 3000 {
		count[program(look(t, table, fmt.Sprintf("in_port=1,tcp,nw_src=10.1.2.3,tcp_dst=%d", port)))]++
	}
	for _, out := range []string{"output:2", "output:3", "output:4"} {
		if n := count[out]; n < 900 || n > 1100 {
			t.Errorf("%s got %d of 3000 flows", out, n)
		}
	}
}

func TestAGroupThatIsGoneDropsByName(t *testing.T) {
	table := groupTable(t, "group_id=1,type=all,bucket=actions=2\ngroup_id=2,type=indirect,bucket=actions=group:1\ngroup_id=3,type=all,bucket=actions=group:1,bucket=actions=2",
		"in_port=1,actions=group:1\nin_port=2,actions=group:2\nin_port=3,actions=group:3")
	if flows, err := table.DeleteGroup(1); flows != 1 || err != nil {
		t.Fatalf("%d flows went with the group, %v, want the one that names it", flows, err)
	}
	for packet, want := range map[string]string{"in_port=1": "drop(no_match)", "in_port=2": "drop(no_group)", "in_port=3": "output:2"} {
		if got := program(look(t, table, packet)); got != want {
			t.Errorf("%s: got %s, want %s", packet, got, want)
		}
	}
	var l lines
	lookQuery(t, table, &rules.Query{Key: packet(t, "in_port=2"), Trace: &l})
	if text := strings.Join(l.text, "\n"); !strings.Contains(text, ">> output to nonexistent group 1") {
		t.Errorf("the trace says nothing of the group:\n%s", text)
	}
	addGroups(t, table, "group_id=1,type=all,bucket=actions=1")
	if got := program(look(t, table, "in_port=2")); got != "output:1" {
		t.Errorf("with another group of the number: got %s, want output:1", got)
	}
}

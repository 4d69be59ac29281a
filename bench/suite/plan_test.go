package suite

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/switches"
)

// named is a switch that is never started.
type named string

func (n named) Name() string                                                  { return string(n) }
func (named) Missing() error                                                  { return nil }
func (named) Start(context.Context, switches.Scene) (switches.Running, error) { return nil, nil }

func names(list []switches.Switch) string {
	var all []string
	for _, s := range list {
		all = append(all, s.Name())
	}
	return strings.Join(all, " ")
}

func TestAPlanHasTheCellsThatWereAskedFor(t *testing.T) {
	o := Options{Rings: []string{"split", "packed"}, Sizes: []int{64, 1518}, Rows: []string{"no-lookup", "port"}}
	cells, err := o.cells(Rows())
	if err != nil || len(cells) != 8 || cells[0].String() != "split, 64 bytes, no look-up" || cells[7].String() != "packed, 1518 bytes, rule on the port alone" {
		t.Errorf("got %v, %v", cells, err)
	}
	for _, wrong := range []Options{
		{Rings: []string{"round"}, Sizes: []int{64}}, {Rings: []string{"split"}, Sizes: []int{63}}, {Rings: []string{"split"}, Sizes: []int{9000}},
		{Rings: []string{"split"}, Sizes: []int{64}, Rows: []string{"ports"}}, {Rings: []string{"split"}, Sizes: []int{64}, Rows: []string{"["}},
		{Rings: []string{"split"}, Sizes: []int{1518}, Rows: []string{"vxlan-in"}},
	} {
		if cells, err := wrong.cells(Rows()); err == nil {
			t.Errorf("%+v: got %v, want an error", wrong, cells)
		}
	}
}

func TestLongPacketsAreRefusedWhereTheyDoNotFit(t *testing.T) {
	o := Options{Rings: []string{"split"}, Sizes: []int{64, 9000}, Rows: []string{"throughput"}}
	if cells, err := o.cells(Rows()); err != nil || len(cells) != 2 || cells[1].Size != 9000 {
		t.Errorf("got %v, %v", cells, err)
	}
	o.Rows = []string{"port"}
	if _, err := o.cells(Rows()); err == nil || err.Error() != "size 9000 in row port: want at most 1518 bytes there; so long ones have throughput, burst, soak" {
		t.Errorf("got %v", err)
	}
	o.Rows, o.Sizes = []string{"throughput"}, []int{9019}
	if _, err := o.cells(Rows()); err == nil {
		t.Error("longer ones than any port takes are measured")
	}
}

func TestRowsWithSizesOfTheirOwnAreMeasuredOnceForEachLayout(t *testing.T) {
	all := []Row{{ID: "sized", Name: "mixture", Sized: true}, {ID: "devices", Name: "devices", Devices: true}, {ID: "plain", Name: "plain"}, {ID: "long", Name: "long", Asked: true}}
	o := Options{Rings: []string{"split", "packed"}, Sizes: []int{64, 512}}
	cells, err := o.cells(all)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cells {
		got = append(got, c.String())
	}
	want := []string{"split, mixture", "devices", "split, 64 bytes, plain", "split, 512 bytes, plain", "packed, mixture", "packed, 64 bytes, plain", "packed, 512 bytes, plain"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestSwitchesTakeTurnsInEachRound(t *testing.T) {
	o := Options{Rings: []string{"split"}, Sizes: []int{64}, Rows: []string{"port", "no-lookup"}, Rounds: 4, Warm: time.Second, Window: time.Second}
	cells, err := o.cells(Rows())
	if err != nil {
		t.Fatal(err)
	}
	there := []switches.Switch{named("testpmd"), named("ovs"), named("culvert"), switches.Own{Called: "mine"}, switches.Own{Called: "told", Rules: "cat"}}
	turns := o.turns(cells, there)
	if len(turns) != 4 || turns[1].round != 1 || turns[2].round != 2 || names(turns[0].switches) != "culvert ovs mine told told mine ovs culvert" || names(turns[1].switches) != "testpmd mine told told mine testpmd" {
		t.Errorf("got %v", turns)
	}
	if got, want := o.takes(turns[1]), 6*(startTime+testpmdTime+2*time.Second); got != want {
		t.Errorf("a cell takes %v, want %v", got, want)
	}
	o.Only = []string{"ovs"}
	if turns = o.turns(cells, there[:3]); len(turns) != 2 || names(turns[0].switches) != "ovs" {
		t.Errorf("one alone has no turns to take: got %v", turns)
	}
	if got := names(o.contenders(rowOf(t, "ip-1024"), there)); got != "ovs told" {
		t.Errorf("a switch that cannot be told rules takes part in a row that needs them: got %s", got)
	}
}

// bench compare wants four windows of each run: two of A B B A.
func TestARowThatSearchesHasOneRoundUnlessItIsAskedFor(t *testing.T) {
	o := Options{Rings: []string{"split"}, Sizes: []int{64}, Rounds: 4, Turns: 6}
	for _, rows := range [][]string{nil, {"throughput"}, {"through*", "port"}} {
		o.Rows = rows
		turns := o.turns([]Cell{{rowOf(t, "throughput"), "split", 64}}, []switches.Switch{named("ovs"), named("culvert")})
		want := 2
		if rows == nil {
			want = 1
		}
		if len(turns) != want || names(turns[len(turns)-1].switches) != "culvert ovs ovs culvert" || turns[len(turns)-1].round != want {
			t.Errorf("asked for %q: got %v, want %d rounds", rows, turns, want)
		}
		if said := strings.Contains(o.repetitionText(), "in the first round alone"); said != (rows == nil) {
			t.Errorf("asked for %q: got %q", rows, o.repetitionText())
		}
	}
}

func TestAnotherBuildStandsBesideTheOne(t *testing.T) {
	c := switches.Culvert{Other: true}
	there := []switches.Switch{named("ovs"), &c, &switches.Patch{Culvert: c}, named("culvert"), named("culvert-ports")}
	o := Options{Other: "culvert.old"}
	for row, want := range map[string]string{"port": "culvert culvert-other ovs", "no-lookup": "culvert-ports culvert-ports-other"} {
		if got := names(o.contenders(rowOf(t, row), there)); got != want {
			t.Errorf("row %s: got %s, want %s", row, got, want)
		}
	}
	o.Only = []string{"culvert"}
	if got := names(o.contenders(rowOf(t, "port"), there)); got != "culvert culvert-other" {
		t.Errorf("of those asked for: got %s", got)
	}
}

func TestASwitchThatIsReachedByInterfacesHasRowsOfItsOwn(t *testing.T) {
	peer := func(device string) switches.Port {
		return switches.Port{Peer: switches.Interface{Type: "afpacket", Device: device}}
	}
	there := []switches.Switch{named("culvert"), switches.Own{Called: "sockets"}, switches.Own{Called: "mine", Ports: [2]switches.Port{peer("a"), peer("b")}}}
	o := Options{Rings: []string{"split", "packed"}, Sizes: []int{64, 1518}, Rows: []string{"interfaces", "port"}, Rounds: 1}
	cells, err := o.cells(Rows())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, turn := range o.turns(cells, there) {
		got = append(got, turn.String()+": "+names(turn.switches))
	}
	want := []string{
		"64 bytes, throughput, interface to interface: mine", "split, 64 bytes, rule on the port alone: culvert sockets sockets culvert",
		"1518 bytes, throughput, interface to interface: mine", "split, 1518 bytes, rule on the port alone: culvert sockets sockets culvert",
		"packed, 64 bytes, rule on the port alone: culvert sockets sockets culvert", "packed, 1518 bytes, rule on the port alone: culvert sockets sockets culvert",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestEveryRowIsWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range Rows() {
		if seen[r.ID] || seen[r.Name] || r.ID == "" || r.Name == "" {
			t.Errorf("row %q, %q: want an ID and a name of its own", r.ID, r.Name)
		}
		seen[r.ID], seen[r.Name] = true, true
		if (r.Drive == nil) == (r.Prepare == nil) || len(r.Contenders) < 2 && !r.Peers || len(r.Measures) == 0 || r.Traffic.Protocol == "" {
			t.Errorf("row %q: want contenders, measures, traffic, and a Drive or a Prepare", r.ID)
		}
	}
}

// For rows about rates the switches of a cell run beside each other, unless one of them cannot be stopped.
func TestSwitchesThatCanBeStoppedRunBesideEachOther(t *testing.T) {
	o := Options{Rings: []string{"split"}, Sizes: []int{64}, Rows: []string{"port", "latency", "new-flows", "throughput"}, Rounds: 4, Turns: 6, Turn: time.Second}
	cells, err := o.cells(Rows())
	if err != nil {
		t.Fatal(err)
	}
	both := []switches.Switch{named("culvert"), named("ovs")}
	count := func(there ...switches.Switch) map[string][2]int { // groups of a round, and rounds
		got := make(map[string][2]int)
		for _, at := range o.turns(cells, there) {
			got[at.Row.ID] = [2]int{at.groups, at.round}
		}
		return got
	}
	for _, c := range []struct {
		name string
		got  map[string][2]int
		port [2]int
	}{
		{"two of ours", count(both...), [2]int{3, 4}},
		{"one alone", count(both[0]), [2]int{6, 4}},
		{"one of the user's, whose process is known", count(append(both, switches.Own{Called: "mine", Process: 7})...), [2]int{3, 4}},
		{"one of the user's, whose process is not", count(append(both, switches.Own{Called: "mine"})...), [2]int{0, 2}},
	} {
		if c.got["port"] != c.port || c.got["new-flows"] != [2]int{0, 2} || c.got["throughput"] != [2]int{0, 2} {
			t.Errorf("%s: got %v", c.name, c.got)
		}
	}
	if got := count(both...)["latency"]; got != [2]int{2, 4} {
		t.Errorf("a row with longer windows has %v, want half as many", got)
	}
}

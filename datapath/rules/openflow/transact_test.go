package openflow

import (
	"errors"
	"strings"
	"testing"
)

// bare returns a table without flows.
func bare(t *testing.T) *Table {
	table, _ := newTable(t, Options{}, nil, "")
	return table
}

// transact makes the changes of a bundle file.
func transact(t *testing.T, table *Table, lines ...string) (Sum, error) {
	t.Helper()
	var list []Modification
	for _, l := range lines {
		m, err := (Parser{}).ParseModification(l)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		list = append(list, m)
	}
	return table.Transact(list)
}

// contents returns the groups and flows of a table as text.
func contents(table *Table) string {
	var b strings.Builder
	for _, g := range table.Groups() {
		b.WriteString(g.Group.String() + "\n")
	}
	for _, f := range table.Flows(AllFlows()) {
		b.WriteString(f.Flow.String() + "\n")
	}
	return b.String()
}

func TestATransactionChangesFlowsAndGroupsInOrder(t *testing.T) {
	table := bare(t)
	done, err := transact(t, table,
		"group add group_id=1,type=all,bucket=output:2",
		"group group_id=2,type=indirect,bucket=group:1",
		"flow add priority=5,ip,actions=group:2",
		"priority=4,actions=drop",
		"flow modify priority=4,actions=group:1",
		"group insert_bucket group_id=1,command_bucket_id=last,bucket=output:3",
		"group remove_bucket group_id=1,command_bucket_id=first",
		"group add_or_mod group_id=2,type=indirect,bucket=output:4",
		"flow delete ip",
	)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Sum{Tally{Added: 2, Modified: 2, Deleted: 1}, 5}); done != want {
		t.Errorf("done %+v, want %+v", done, want)
	}
	want := "group_id=1,type=all,bucket=bucket_id:1,actions=output:3\n" +
		"group_id=2,type=indirect,bucket=bucket_id:0,actions=output:4\n" +
		"priority=4 actions=group:1\n"
	if got := contents(table); got != want {
		t.Errorf("the table has\n%swant\n%s", got, want)
	}
}

func TestATransactionThatFailsChangesNothing(t *testing.T) {
	table := bare(t)
	if _, err := transact(t, table, "group add group_id=1,type=all,bucket=output:2", "actions=group:1"); err != nil {
		t.Fatal(err)
	}
	before, version := contents(table), table.log.now()
	for _, c := range []struct {
		last string
		want error // nil: any
	}{
		{"group add group_id=1,type=all", ErrGroupExists},
		{"group modify group_id=9,type=all", ErrNoGroup},
		{"group delete group_id=9", ErrNoGroup},
		{"group insert_bucket group_id=9,command_bucket_id=all,bucket=1", ErrNoGroup},
		{"group modify group_id=1,type=all,bucket=group:2", nil}, // deleted by then
		{"flow add udp,actions=group:2", nil},
		{"flow add priority=7,check_overlap,ip,actions=drop", ErrOverlap},
	} {
		_, err := transact(t, table,
			"group add group_id=2,type=all,bucket=output:3",
			"flow add priority=7,actions=group:2",
			"flow modify priority=32768,actions=drop",
			"group delete group_id=2", // and its flow
			"flow add priority=7,actions=drop",
			c.last)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.last, err, c.want)
		}
		if got := contents(table); got != before {
			t.Errorf("%s: the table has\n%swant\n%s", c.last, got, before)
		}
	}
	if table.log.now() != version {
		t.Error("changes that were not made were logged")
	}
}

func TestGroupsThatLeadToThemselvesAreRefusedTogether(t *testing.T) {
	table := bare(t)
	_, err := transact(t, table,
		"group add group_id=1,type=all,bucket=output:1",
		"group add group_id=2,type=all,bucket=group:1",
		"group modify group_id=1,type=all,bucket=group:2")
	if err == nil || contents(table) != "" {
		t.Errorf("error %v, the table has %q", err, contents(table))
	}
}

func TestDeletingAllGroupsTakesTheirFlows(t *testing.T) {
	table := bare(t)
	done, err := transact(t, table,
		"group add group_id=1,type=all,bucket=output:1", "group add group_id=2,type=all,bucket=output:1",
		"flow add ip,actions=group:1", "flow add arp,actions=drop", "group delete")
	if err != nil || done.Groups != 4 || contents(table) != "arp actions=drop\n" {
		t.Errorf("%+v, %v, the table has %q", done, err, contents(table))
	}
}

func TestLinesOfABundleThatAreWrongSayWhere(t *testing.T) {
	for _, c := range []struct {
		line string
		col  int
	}{
		{"packet-out in_port=1,packet=00,actions=2", 1},
		{"group add group_id=1", 11},
		{"group add_or_mod group_id=1,bucket=1", 18},
		{"group delete group_id=x", 14},
		{"flow modify priority=x,actions=drop", 13},
		{"  group   insert_bucket bucket=1", 25},
	} {
		_, err := (Parser{}).ParseModification(c.line)
		var se *SyntaxError
		if !errors.As(err, &se) || se.Col != c.col {
			t.Errorf("%s: %v, want a mistake in column %d", c.line, err, c.col)
		}
	}
}

func FuzzParseModification(f *testing.F) {
	for _, s := range []string{"group add group_id=1,type=all,bucket=1", "flow delete ip", "group delete", "actions=drop", "group remove_bucket group_id=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := (Parser{}).ParseModification(s)
		if err != nil {
			return
		}
		table, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Transact([]Modification{m}); err != nil && contents(table) != "" {
			t.Errorf("%q: %v, and yet the table has %q", s, err, contents(table))
		}
	})
}

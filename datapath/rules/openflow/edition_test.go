package openflow

import (
	"errors"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestWhatTheUserChangesMakesAnEdition(t *testing.T) {
	now := int64(1e9)
	table, err := New(Options{Clock: func() int64 { return now }, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) Flow {
		f, err := ParseFlow(text)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		name  string
		do    func() error
		makes bool
	}{
		{"flows are added", func() error {
			return table.AddFlows([]Flow{parse("table=1,hard_timeout=5,actions=drop"), parse("actions=resubmit(,1)"), parse("table=2,actions=drop")})
		}, true},
		{"a change is refused", func() error {
			if table.AddFlows([]Flow{parse("table=3,actions=drop"), parse("actions=group:5")}) == nil {
				return errors.New("a group that is not there is taken")
			}
			return nil
		}, false},
		{"nothing is deleted", func() error { table.DeleteFlows(Filter{Table: 77}); return nil }, false},
		{"a group is added", func() error {
			list, err := Parser{}.ParseGroups(strings.NewReader("group_id=1,type=all,bucket=output:1"), "test")
			if err != nil {
				return err
			}
			return table.AddGroups(list)
		}, true},
		{"a flow has had its time", func() error {
			now += 6e9
			if table.Expire(now) != 1 {
				return errors.New("no flow went")
			}
			return nil
		}, false},
		{"all is replaced", func() error { _, _, err := table.ReplaceFlows([]Flow{parse("actions=drop")}); return err }, true},
	} {
		before := table.Edition()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if after := table.Edition(); after < before || after > before != c.makes {
			t.Errorf("%s: edition %d, was %d", c.name, after, before)
		}
	}
}

func TestALookupForAnotherEditionDoesNothing(t *testing.T) {
	table, err := New(Options{Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	table.SetPorts([]rules.Port{{ID: 1, Number: 1, Up: true}})
	learn, err := ParseFlow("actions=learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.AddFlows([]Flow{learn}); err != nil {
		t.Fatal(err)
	}
	var key flow.Key
	key.SetUint(flow.FieldInPort, 1)
	var v rules.Verdict
	q := rules.Query{Key: &key, Live: true, Now: 1, Edition: table.Edition() - 1}
	if err := table.Lookup(&q, &v); !errors.Is(err, rules.ErrEdition) || table.Len() != 1 {
		t.Errorf("error %v, and %d flows; want %v and 1", err, table.Len(), rules.ErrEdition)
	}
	q.Edition++
	if err := table.Lookup(&q, &v); err != nil || table.Len() != 2 || v.Edition != q.Edition {
		t.Errorf("error %v, %d flows, edition %d; want 2 and %d", err, table.Len(), v.Edition, q.Edition)
	}
}

func TestAVerdictIsRevisedByWhatConcernsIt(t *testing.T) {
	table, err := New(Options{Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	table.SetPorts([]rules.Port{{ID: 1, Number: 1, Up: true}})
	add := func(text string) {
		t.Helper()
		list, err := ParseFlows(strings.NewReader(text), "test")
		if err == nil {
			err = table.AddFlows(list)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("udp,actions=drop\ntable=3,actions=drop")
	var key flow.Key
	key.SetUint(flow.FieldInPort, 1)
	key.SetUint(flow.FieldEthType, 0x0800)
	key.SetUint(flow.FieldIPProto, 17)
	var v rules.Verdict
	if err := table.Lookup(&rules.Query{Key: &key}, &v); err != nil {
		t.Fatal(err)
	}
	since := table.Edition()
	for _, c := range []struct {
		name, flows string
		want        bool
	}{
		{"another table", "table=3,udp,actions=drop", false},
		{"more of another table than is remembered", strings.Repeat("table=3,udp,actions=drop\n", changesKept+1), false},
		{"other packets", "tcp,actions=drop", false},
		{"its table", "udp,tp_src=5,actions=drop", true},
		{"long ago, before more than is remembered", strings.Repeat("table=3,udp,actions=drop\n", changesKept+1), true},
	} {
		if add(c.flows); table.Revised(since, &v, &key) != c.want {
			t.Errorf("%s: revised is %t", c.name, !c.want)
		}
	}
	if table.Revised(table.Edition(), &v, &key) {
		t.Error("a verdict of this edition is revised")
	}
}

package openflow

import (
	"errors"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestALookupThatMustNotWaitSaysWhenItWouldHaveTo(t *testing.T) {
	for _, c := range []struct {
		name, rule string
		held       bool
		want       error
	}{
		{"nobody has the rules", "actions=drop", false, nil},
		{"somebody changes them", "actions=drop", true, rules.ErrWait},
		{"the look-up changes them itself", "actions=learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])", false, rules.ErrWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, _ := newTable(t, Options{}, []rules.Port{{ID: 1, Number: 1, Up: true}}, c.rule)
			before := table.Len()
			if c.held {
				table.mu.Lock()
			}
			var key flow.Key
			key.SetUint(flow.FieldInPort, 1)
			var v rules.Verdict
			err := table.Lookup(&rules.Query{Key: &key, Now: 1, Live: true, NoWait: true}, &v)
			if c.held {
				table.mu.Unlock()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if table.Len() != before {
				t.Errorf("%d flows after a look-up that could not be made, want %d", table.Len(), before)
			}
		})
	}
}

func TestTrafficIsCreditedWithoutWaitingOrLeftToSomebodyElse(t *testing.T) {
	table, _ := newTable(t, Options{}, []rules.Port{{ID: 1, Number: 1, Up: true}}, "actions=drop")
	var key flow.Key
	key.SetUint(flow.FieldInPort, 1)
	var v rules.Verdict
	if err := table.Lookup(&rules.Query{Key: &key, Now: 1, Live: true}, &v); err != nil {
		t.Fatal(err)
	}
	counted := func() uint64 { return table.Flows(Filter{})[0].Packets }
	table.mu.Lock()
	done := table.TryCredit(v.Trail, 3, 300, 2)
	table.mu.Unlock()
	if done || counted() != 0 {
		t.Errorf("credited %v, %d packets counted while somebody changes the rules, want false and 0", done, counted())
	}
	if done := table.TryCredit(v.Trail, 3, 300, 2); !done || counted() != 3 {
		t.Errorf("credited %v, %d packets counted, want true and 3", done, counted())
	}
	if learned := []uint64{learnedWord(1), noRule}; table.TryCredit(learned, 1, 100, 3) {
		t.Error("traffic that teaches a flow anew was credited without keeping others out")
	}
}

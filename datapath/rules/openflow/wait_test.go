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

package gateway

import (
	"errors"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestALookupThatMustNotWaitSaysWhenItWouldHaveTo(t *testing.T) {
	b := newBench(t, Config{})
	var key flow.Key
	key.SetUint(flow.FieldInPort, 1)
	ask := func() error {
		var v rules.Verdict
		return b.Lookup(&rules.Query{Key: &key, Now: b.now, Live: true, NoWait: true}, &v)
	}
	if err := ask(); err != nil {
		t.Errorf("error %v while nobody changes the gateway, want none", err)
	}
	b.mu.Lock()
	err := ask()
	b.mu.Unlock()
	if !errors.Is(err, rules.ErrWait) {
		t.Errorf("error %v while somebody changes the gateway, want %v", err, rules.ErrWait)
	}
}

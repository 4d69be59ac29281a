package storm

import (
	"errors"
	"testing"
	"time"
)

func TestChangesOfRulesCostEstablishedFlowsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes seconds and two CPUs")
	}
	var unfair error
	for range tries {
		r, err := Run(t.Context(), Options{Kind: Changes, Rules: 5000, Time: 400 * time.Millisecond})
		if errors.Is(err, ErrCPUs) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r)
		if r.Storm.Changed == 0 {
			t.Error("no rule changed: the test shows nothing")
		}
		if again := Value(r.Storm.SlowPath, "removed"); again > 0 {
			t.Errorf("%d cached flows were removed by changes that do not concern them", again)
		}
		if kept(&r.Storm) {
			return
		}
		if unfair = Fair(&r.Storm); unfair == nil {
			t.Errorf("lost %.3f %% of the established flows' packets, want less than %v %%", 100*r.Storm.Loss(), 100*mostLoss)
		}
	}
	t.Skipf("the machine is too busy: %v", unfair)
}

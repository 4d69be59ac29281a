//go:build integration

package oracle

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/ovs"
)

// TestOpenVSwitchSendsTheSame runs scenes for CULVERT_ORACLE_TIME (a duration; 20 s) from the seed
// CULVERT_ORACLE_SEED (1) on.
func TestOpenVSwitchSendsTheSame(t *testing.T) {
	if err := ovs.Missing(); err != nil {
		t.Skip(err)
	}
	span, err := time.ParseDuration(setting("CULVERT_ORACLE_TIME", "20s"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := strconv.ParseUint(setting("CULVERT_ORACLE_SEED", "1"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "oracle") // not t.TempDir: the path of a unix socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	b, err := NewBench(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	end := time.Now().Add(span)
	scenes, rules, packets, passing := 0, 0, 0, 0
	for seed := first; time.Now().Before(end); seed++ {
		r, err := b.Compare(context.Background(), Generate(seed))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, text := range r.Refused {
			t.Errorf("seed %d: %s", seed, text)
		}
		if r.Difference != "" {
			t.Errorf("seed %d: %s", seed, r.Difference)
		}
		if r.Passing != "" {
			t.Logf("seed %d, not every time: %s", seed, r.Passing)
			passing++
		}
		scenes, rules, packets = scenes+1, rules+r.Rules, packets+r.Compared
	}
	// The same scene does the same every time. A difference that does not show every time is logged; more than a
	// few mean that the bench reads what a switch sends too early, or that a switch is not sure.
	if passing > 1+scenes/20 {
		t.Errorf("%d of %d scenes differed once and not again", passing, scenes)
	}
	fmt.Printf("oracle: %d scenes, %d rules, %d packets compared\n", scenes, rules, packets)
}

func setting(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

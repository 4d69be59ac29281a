//go:build integration

package tunnels

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/ovs"
)

// scenesEachTime are run when nobody says for how long.
const scenesEachTime = 40

// TestOpenVSwitchsTunnelsDoTheSame runs scenes for CULVERT_ORACLE_TIME, a duration (scenesEachTime of them if that is not
// set), from the seed CULVERT_ORACLE_SEED (1) on.
func TestOpenVSwitchsTunnelsDoTheSame(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a network namespace")
	}
	if err := ovs.Missing(); err != nil {
		t.Skip(err)
	}
	span, err := time.ParseDuration(setting("CULVERT_ORACLE_TIME", "0s"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := strconv.ParseUint(setting("CULVERT_ORACLE_SEED", "1"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(span)
	more := func(scenes int) bool { return span == 0 && scenes < scenesEachTime || time.Now().Before(end) }
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
	scenes, sum := 0, Result{}
	for seed := first; more(scenes); seed++ {
		s := Generate(seed)
		r, err := b.Compare(t.Context(), &s)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, &s)
		}
		if len(r.Differences) > 0 {
			t.Errorf("seed %d: %d differences\n%s%s", seed, len(r.Differences), &s, r.Differences[0])
		}
		scenes++
		sum.Out, sum.In, sum.Pushed, sum.Popped = sum.Out+r.Out, sum.In+r.In, sum.Pushed+r.Pushed, sum.Popped+r.Popped
	}
	if sum.Pushed == 0 || sum.Popped == 0 {
		t.Error("nothing went into tunnels, or nothing came out")
	}
	fmt.Printf("oracle: tunnels: %d scenes, %d packets out, %d pushed, %d packets in, %d popped\n", scenes, sum.Out, sum.Pushed, sum.In, sum.Popped)
}

func setting(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

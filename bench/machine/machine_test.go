package machine

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
)

func TestADistanceIsMeasured(t *testing.T) {
	all, err := cpu.Affinity()
	if err != nil {
		t.Fatal(err)
	}
	if !all.Has(0) || !all.Has(1) {
		t.Skipf("needs CPUs 0 and 1, has %s", all)
	}
	if d := Apart(0, 1); d < 10 || d > 100_000 {
		t.Errorf("a cache line takes %d ns there and back", d)
	}
}

func TestWhatAThreadSpendsIsSeen(t *testing.T) {
	before, err := Threads(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// On a busy machine it may take a while to get any time.
	x, worked := 1.0, false
	for end := time.Now().Add(10 * time.Second); !worked && time.Now().Before(end); {
		for range 1_000_000 {
			x = math.Sqrt(x + 1)
		}
		after, err := Threads(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		s := Busiest(before, after)
		worked = s.User+s.System > 0
	}
	if !worked {
		t.Error("10 s of work and no thread has spent time")
	}
	if _, err := Threads(-1); err == nil {
		t.Error("a process that is not there has threads")
	}
}

func TestTheShareOfUsedCPUsIsOne(t *testing.T) {
	for _, cpus := range []cpu.Set{cpu.SetOf(0), {}} {
		used, err := Used(cpus, 30*time.Millisecond)
		if err != nil || used < 0 || used > 1 || cpus.Empty() && used != 0 {
			t.Errorf("CPUs %s: used %v, %v", cpus, used, err)
		}
	}
}

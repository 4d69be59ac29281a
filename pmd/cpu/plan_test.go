package cpu

import (
	"slices"
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name           string
		cores, threads int
		isolated       string
		requested      Set
		n              int
		workers        []int
		housekeeping   string
		warnings       []string // each a part of the warning at its place
	}{
		{"one CPU: everything shares it", 1, 1, "", Set{}, 1,
			[]int{0}, "0", []string{"worker 0 shares CPU 0 with the rest"}},
		{"two cores, one worker: the worker has core 1", 2, 1, "", Set{}, 1,
			[]int{1}, "0", nil},
		{"two cores, two workers: the rest runs on both", 2, 1, "", Set{}, 2,
			[]int{1, 0}, "0-1", []string{"worker 0 shares CPU 1 with the rest", "worker 1 shares CPU 0 with the rest"}},
		{"two cores, three workers: two share", 2, 1, "", Set{}, 3,
			[]int{1, 0, 1}, "0-1", []string{"worker 0 shares CPU 1 with the rest", "worker 1 shares CPU 0 with the rest",
				"worker 2 shares CPU 1 with worker 0", "worker 2 shares CPU 1 with the rest"}},
		{"four cores: CPU 0 is left to the rest", 4, 1, "", Set{}, 2,
			[]int{1, 2}, "0,3", nil},
		{"isolated CPUs come first, and the rest keeps off them", 8, 1, "5-7", Set{}, 2,
			[]int{5, 6}, "0-4", nil},
		{"more workers than isolated CPUs", 4, 1, "3", Set{}, 2,
			[]int{3, 1}, "0,2", nil},
		{"hardware threads: workers get cores of their own", 4, 2, "", Set{}, 3,
			[]int{1, 2, 3}, "0,4-7", []string{"worker 0 on CPU 1 shares a core with CPU 5", "worker 1 on CPU 2 shares a core with CPU 6", "worker 2 on CPU 3 shares a core with CPU 7"}},
		{"isolated whole cores: no warning for idle siblings", 4, 2, "2-3,6-7", Set{}, 2,
			[]int{2, 3}, "0-1,4-5", nil},
		{"isolated siblings of each other", 4, 2, "3,7", Set{}, 2,
			[]int{3, 7}, "0-2,4-6", []string{"worker 1 on CPU 7 shares a core with worker 0 on CPU 3"}},
		{"requested CPUs are taken, the best first", 4, 1, "", SetOf(0, 2), 1,
			[]int{2}, "0-1,3", nil},
		{"only isolated CPUs are left for the rest", 2, 1, "1", SetOf(0), 1,
			[]int{0}, "1", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			top, err := readTopology(machine(c.cores, c.threads, c.isolated), online(c.cores, c.threads))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Plan(c.n, top, c.requested)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.Workers, c.workers) || p.Housekeeping.String() != c.housekeeping {
				t.Errorf("workers %v, housekeeping %v; want %v, %v", p.Workers, p.Housekeeping, c.workers, c.housekeeping)
			}
			if !slices.EqualFunc(p.Warnings, c.warnings, strings.Contains) {
				t.Errorf("warnings %q, want %q", p.Warnings, c.warnings)
			}
		})
	}
}

func TestPlanWarnsOfAQuota(t *testing.T) {
	top, err := readTopology(machine(4, 1, ""), online(4, 1))
	if err != nil {
		t.Fatal(err)
	}
	top.Quota = 1.5
	p, err := Plan(1, top, Set{})
	if err != nil || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "1.5 CPUs") {
		t.Errorf("got %v, %q; want one warning of 1.5 CPUs", err, p.Warnings)
	}
}

func TestPlanRefusesWhatCannotBe(t *testing.T) {
	top, err := readTopology(machine(4, 1, ""), SetOf(0, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		n         int
		top       *Topology
		requested Set
		want      string
	}{
		{"no workers", 0, top, Set{}, "at least 1"},
		{"a CPU that is not allowed", 1, top, SetOf(1, 3), "CPUs 3 are not among"},
		{"fewer CPUs than workers", 2, top, SetOf(1), "only CPUs 1 are requested"},
		{"no CPU at all", 1, new(Topology), Set{}, "may use none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Plan(c.n, c.top, c.requested); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

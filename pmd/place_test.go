package pmd

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// free is a queue that may go anywhere.
func free(load float64) PlacedQueue {
	return PlacedQueue{Load: load, Node: -1, Pin: Unplaced, Worker: Unplaced}
}

func on(worker int, load float64) PlacedQueue {
	q := free(load)
	q.Worker = worker
	return q
}

func pinned(worker int, load float64) PlacedQueue {
	q := on(worker, load)
	q.Pin = worker
	return q
}

func onNode(node int, load float64) PlacedQueue {
	q := free(load)
	q.Node = node
	return q
}

func TestAssign(t *testing.T) {
	two := []PlacedWorker{{Node: -1}, {Node: -1}}
	numa := []PlacedWorker{{Node: 0}, {Node: 1}, {Node: 1}}
	for _, c := range []struct {
		name    string
		policy  Policy
		queues  []PlacedQueue
		workers []PlacedWorker
		want    []int
	}{
		{"no queues", ByCycles, nil, two, []int{}},
		{"the costliest queue gets a worker to itself", ByCycles,
			[]PlacedQueue{free(0.2), free(0.3), free(0.6), free(0.1)}, two, []int{1, 1, 0, 1}},
		{"queues that cost nothing spread", ByCycles,
			[]PlacedQueue{free(0), free(0), free(0), free(0)}, two, []int{0, 1, 0, 1}},
		{"round robin does not look at cost", RoundRobin,
			[]PlacedQueue{free(0.9), free(0), free(0.9), free(0)}, two, []int{0, 1, 0, 1}},
		{"a pinned queue goes where it is pinned", ByCycles,
			[]PlacedQueue{free(0.5), pinned(0, 0.9)}, two, []int{1, 0}},
		{"an isolated worker takes pinned queues only", ByCycles,
			[]PlacedQueue{free(0.5), free(0.5), pinned(0, 0)}, []PlacedWorker{{Isolated: true}, {}}, []int{1, 1, 0}},
		{"when all workers are isolated that does not count", ByCycles,
			[]PlacedQueue{free(0.5)}, []PlacedWorker{{Isolated: true}}, []int{0}},
		{"queues stay on their NUMA node", ByCycles,
			[]PlacedQueue{onNode(0, 0.9), onNode(0, 0.9), onNode(1, 0.1)}, numa, []int{0, 0, 1}},
		{"a node without workers is served by others", ByCycles,
			[]PlacedQueue{onNode(7, 0.1), onNode(7, 0.1)}, numa, []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Assign(c.policy, c.queues, c.workers); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRebalance(t *testing.T) {
	two := []PlacedWorker{{Node: -1}, {Node: -1}}
	for _, c := range []struct {
		name    string
		queues  []PlacedQueue
		workers []PlacedWorker
		want    []Move
	}{
		{"nothing moves while nobody is busy",
			[]PlacedQueue{on(0, 0.3), on(0, 0.3), on(1, 0)}, two, nil},
		{"half of an overloaded worker's queues move",
			[]PlacedQueue{on(0, 0.45), on(0, 0.45)}, two, []Move{{0, 0, 1}}},
		{"one queue cannot be split",
			[]PlacedQueue{on(0, 1)}, two, nil},
		{"a gain under a quarter is not worth it",
			[]PlacedQueue{on(0, 0.9), on(0, 0.01), on(1, 0.5)}, two, nil},
		{"pinned queues stay",
			[]PlacedQueue{pinned(0, 0.5), pinned(0, 0.5)}, two, nil},
		{"nothing moves to an isolated worker",
			[]PlacedQueue{on(0, 0.5), on(0, 0.5)}, []PlacedWorker{{}, {Isolated: true}}, nil},
		{"a queue without a worker is left out",
			[]PlacedQueue{on(0, 0.5), on(0, 0.5), free(0.5)}, two, []Move{{0, 0, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Rebalance(c.queues, c.workers); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestRebalanceProperties holds random placements against what must always be true, and against the
// best of all placements, found by trying each.
func TestRebalanceProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		workers := make([]PlacedWorker, 1+rng.IntN(3))
		queues := make([]PlacedQueue, rng.IntN(6))
		for i := range workers {
			workers[i] = PlacedWorker{Node: rng.IntN(2), Isolated: rng.IntN(4) == 0}
		}
		for i := range queues {
			queues[i] = PlacedQueue{Load: rng.Float64() / 2, Node: rng.IntN(3) - 1, Pin: Unplaced}
			if rng.IntN(4) == 0 {
				queues[i].Pin = rng.IntN(len(workers))
			}
			can := eligible(queues[i], workers)
			queues[i].Worker = can[rng.IntN(len(can))]
		}
		checkRebalance(t, queues, workers)
		checkAssign(t, queues, workers)
	}
}

func checkRebalance(t *testing.T, queues []PlacedQueue, workers []PlacedWorker) {
	t.Helper()
	before := variance(loads(queues, workers))
	after := slices.Clone(queues)
	moves := Rebalance(queues, workers)
	for _, m := range moves {
		if after[m.Queue].Worker != m.From || m.From == m.To {
			t.Fatalf("%v: move %v of a queue on worker %d", queues, m, after[m.Queue].Worker)
		}
		if !slices.Contains(eligible(queues[m.Queue], workers), m.To) {
			t.Fatalf("%v: move %v to a worker that may not have it", queues, m)
		}
		after[m.Queue].Worker = m.To
	}
	if len(moves) > 0 && variance(loads(after, workers)) > before*(1-minImprovement)+1e-12 {
		t.Fatalf("%v: moves %v gain too little", queues, moves)
	}
	if more := Rebalance(after, workers); more != nil {
		t.Fatalf("%v: after moves %v there are more: %v", queues, moves, more)
	}
}

// checkAssign compares the greedy assignment with the best there is: the busiest worker has at most
// 4/3 of what it must have (Graham 1969, for tasks that may go anywhere).
func checkAssign(t *testing.T, queues []PlacedQueue, workers []PlacedWorker) {
	t.Helper()
	anywhere := slices.Clone(queues)
	for i := range anywhere {
		anywhere[i].Pin, anywhere[i].Node = Unplaced, -1
	}
	open := make([]PlacedWorker, len(workers))
	got := slices.Clone(anywhere)
	for i, w := range Assign(ByCycles, anywhere, open) {
		got[i].Worker = w
	}
	if busiest, best := slices.Max(loads(got, open)), bestMakespan(anywhere, open, 0); busiest > best*4/3+1e-9 {
		t.Fatalf("%v: the busiest worker has %v, the best placement %v", queues, busiest, best)
	}
	for i, w := range Assign(ByCycles, queues, workers) {
		if !slices.Contains(eligible(queues[i], workers), w) {
			t.Fatalf("%v: queue %d on worker %d, which may not have it", queues, i, w)
		}
	}
}

// bestMakespan tries every placement of the queues from i on.
func bestMakespan(queues []PlacedQueue, workers []PlacedWorker, i int) float64 {
	if i == len(queues) {
		return slices.Max(loads(queues, workers))
	}
	best := 1e9
	for w := range workers {
		queues[i].Worker = w
		best = min(best, bestMakespan(queues, workers, i+1))
	}
	return best
}

func TestParsePolicy(t *testing.T) {
	for _, p := range []Policy{ByCycles, RoundRobin} {
		if got, err := ParsePolicy(p.String()); err != nil || got != p {
			t.Errorf("%q: got %v, %v", p.String(), got, err)
		}
	}
	if _, err := ParsePolicy("group"); err == nil {
		t.Error("an unknown policy was accepted")
	}
}

package pmd

import (
	"cmp"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// free is a queue that may go anywhere.
func free(load float64) placedQueue {
	return placedQueue{Load: load, Node: -1, Pin: unplaced, Worker: unplaced}
}

func on(worker int, load float64) placedQueue {
	q := free(load)
	q.Worker = worker
	return q
}

func pinned(worker int, load float64) placedQueue {
	q := on(worker, load)
	q.Pin = worker
	return q
}

func onNode(node int, load float64) placedQueue {
	q := free(load)
	q.Node = node
	return q
}

// assign places all queues anew by choose, the costliest first when cost counts.
func assign(p Policy, queues []placedQueue, workers []placedWorker) []int {
	order := make([]int, len(queues))
	for i := range order {
		order[i] = i
	}
	if p == ByCycles {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(queues[b].Load, queues[a].Load) })
	}
	placed := slices.Clone(queues)
	for i := range placed {
		placed[i].Worker = placed[i].Pin
	}
	for _, i := range order {
		placed[i].Worker = choose(p, placed, i, workers)
	}
	to := make([]int, len(queues))
	for i, q := range placed {
		to[i] = q.Worker
	}
	return to
}

func TestChoose(t *testing.T) {
	two := []placedWorker{{Node: -1}, {Node: -1}}
	numa := []placedWorker{{Node: 0}, {Node: 1}, {Node: 1}}
	for _, c := range []struct {
		name    string
		policy  Policy
		queues  []placedQueue
		workers []placedWorker
		want    []int
	}{
		{"no queues", ByCycles, nil, two, []int{}},
		{"the costliest queue gets a worker to itself", ByCycles,
			[]placedQueue{free(0.2), free(0.3), free(0.6), free(0.1)}, two, []int{1, 1, 0, 1}},
		{"queues that cost nothing spread", ByCycles,
			[]placedQueue{free(0), free(0), free(0), free(0)}, two, []int{0, 1, 0, 1}},
		{"round robin does not look at cost", RoundRobin,
			[]placedQueue{free(0.9), free(0), free(0.9), free(0)}, two, []int{0, 1, 0, 1}},
		{"a pinned queue goes where it is pinned", ByCycles,
			[]placedQueue{free(0.5), pinned(0, 0.9)}, two, []int{1, 0}},
		{"an isolated worker takes pinned queues only", ByCycles,
			[]placedQueue{free(0.5), free(0.5), pinned(0, 0)}, []placedWorker{{Isolated: true}, {}}, []int{1, 1, 0}},
		{"when all workers are isolated that does not count", ByCycles,
			[]placedQueue{free(0.5)}, []placedWorker{{Isolated: true}}, []int{0}},
		{"queues stay on their NUMA node", ByCycles,
			[]placedQueue{onNode(0, 0.9), onNode(0, 0.9), onNode(1, 0.1)}, numa, []int{0, 0, 1}},
		{"a node without workers is served by others", ByCycles,
			[]placedQueue{onNode(7, 0.1), onNode(7, 0.1)}, numa, []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := assign(c.policy, c.queues, c.workers); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRebalance(t *testing.T) {
	two := []placedWorker{{Node: -1}, {Node: -1}}
	for _, c := range []struct {
		name    string
		queues  []placedQueue
		workers []placedWorker
		want    []move
	}{
		{"nothing moves while nobody is busy",
			[]placedQueue{on(0, 0.3), on(0, 0.3), on(1, 0)}, two, nil},
		{"half of an overloaded worker's queues move",
			[]placedQueue{on(0, 0.45), on(0, 0.45)}, two, []move{{0, 0, 1}}},
		{"one queue cannot be split",
			[]placedQueue{on(0, 1)}, two, nil},
		{"a gain under a quarter is not worth it",
			[]placedQueue{on(0, 0.9), on(0, 0.01), on(1, 0.5)}, two, nil},
		{"pinned queues stay",
			[]placedQueue{pinned(0, 0.5), pinned(0, 0.5)}, two, nil},
		{"nothing moves to an isolated worker",
			[]placedQueue{on(0, 0.5), on(0, 0.5)}, []placedWorker{{}, {Isolated: true}}, nil},
		{"a queue without a worker is left out",
			[]placedQueue{on(0, 0.5), on(0, 0.5), free(0.5)}, two, []move{{0, 0, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := rebalance(c.queues, c.workers); !reflect.DeepEqual(got, c.want) {
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
		workers := make([]placedWorker, 1+rng.IntN(3))
		queues := make([]placedQueue, rng.IntN(6))
		for i := range workers {
			workers[i] = placedWorker{Node: rng.IntN(2), Isolated: rng.IntN(4) == 0}
		}
		for i := range queues {
			queues[i] = placedQueue{Load: rng.Float64() / 2, Node: rng.IntN(3) - 1, Pin: unplaced}
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

func checkRebalance(t *testing.T, queues []placedQueue, workers []placedWorker) {
	t.Helper()
	before := variance(loads(queues, workers))
	after := slices.Clone(queues)
	moves := rebalance(queues, workers)
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
	if more := rebalance(after, workers); more != nil {
		t.Fatalf("%v: after moves %v there are more: %v", queues, moves, more)
	}
}

// checkAssign compares the greedy assignment with the best there is: the busiest worker has at most
// 4/3 of what it must have (Graham 1969, for tasks that may go anywhere).
func checkAssign(t *testing.T, queues []placedQueue, workers []placedWorker) {
	t.Helper()
	anywhere := slices.Clone(queues)
	for i := range anywhere {
		anywhere[i].Pin, anywhere[i].Node = unplaced, -1
	}
	open := make([]placedWorker, len(workers))
	got := slices.Clone(anywhere)
	for i, w := range assign(ByCycles, anywhere, open) {
		got[i].Worker = w
	}
	if busiest, best := slices.Max(loads(got, open)), bestMakespan(anywhere, open, 0); busiest > best*4/3+1e-9 {
		t.Fatalf("%v: the busiest worker has %v, the best placement %v", queues, busiest, best)
	}
	for i, w := range assign(ByCycles, queues, workers) {
		if !slices.Contains(eligible(queues[i], workers), w) {
			t.Fatalf("%v: queue %d on worker %d, which may not have it", queues, i, w)
		}
	}
}

// bestMakespan tries every placement of the queues from i on.
func bestMakespan(queues []placedQueue, workers []placedWorker, i int) float64 {
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

package pmd

import (
	"cmp"
	"fmt"
	"slices"
)

// A Policy says how queues are dealt out to workers.
type Policy uint8

// Policies.
const (
	// ByCycles gives the queue that costs most to the worker that has least to do, and so on down.
	ByCycles Policy = iota
	// RoundRobin gives queues to workers in turn, whatever they cost; queues are never moved for load.
	RoundRobin
)

// ParsePolicy reads a policy's name: "cycles" or "roundrobin".
func ParsePolicy(name string) (Policy, error) {
	switch name {
	case "cycles":
		return ByCycles, nil
	case "roundrobin":
		return RoundRobin, nil
	}
	return 0, fmt.Errorf("assignment policy %q: want cycles or roundrobin", name)
}

func (p Policy) String() string {
	if p == RoundRobin {
		return "roundrobin"
	}
	return "cycles"
}

// When a rebalance is worth the caches it cools: OVS's auto load balance asks for the same gain, and
// for 95 % load, but must stop its workers to move a queue.
const (
	minImprovement = 0.25 // of the variance of the workers' loads
	minLoad        = 0.70 // share of a core, of the busiest worker
)

// Unplaced is where a queue is that no worker has.
const Unplaced = -1

// A PlacedQueue is a queue as placement sees it.
type PlacedQueue struct {
	Load   float64 // share of a core its packets take, measured; 0 when new
	Node   int     // NUMA node of its device, -1 when unknown
	Pin    int     // index of the worker it is pinned to, Unplaced for none
	Worker int     // index of the worker that has it, or Unplaced
}

// A PlacedWorker is a worker as placement sees it.
type PlacedWorker struct {
	Node     int  // NUMA node of its CPU, -1 when unknown
	Isolated bool // takes only queues pinned to it
}

// Assign returns, for each queue, the index of the worker that should have it, disregarding which one
// has it now. There must be at least one worker, and pins must name workers.
//
// A pinned queue goes where it is pinned. Others go to workers that are not isolated, on the queue's
// NUMA node if there is one; when all workers are isolated, that no longer counts, since a queue that
// nobody polls is worse.
func Assign(p Policy, queues []PlacedQueue, workers []PlacedWorker) []int {
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
		if placed[i].Pin == Unplaced {
			placed[i].Worker = choose(p, placed, i, workers)
		}
	}
	to := make([]int, len(queues))
	for i, q := range placed {
		to[i] = q.Worker
	}
	return to
}

// choose returns the worker for queue i, given where the others are.
func choose(p Policy, queues []PlacedQueue, i int, workers []PlacedWorker) int {
	load := make([]float64, len(workers))
	count := make([]int, len(workers))
	for j, q := range queues {
		if j != i && q.Worker != Unplaced {
			load[q.Worker] += q.Load
			count[q.Worker]++
		}
	}
	if p == RoundRobin {
		// In turn is: to whom has fewest.
		clear(load)
	}
	return slices.MinFunc(eligible(queues[i], workers), func(a, b int) int {
		return cmp.Or(cmp.Compare(load[a], load[b]), cmp.Compare(count[a], count[b]), cmp.Compare(a, b))
	})
}

// eligible returns the workers that may have q, at least one.
func eligible(q PlacedQueue, workers []PlacedWorker) []int {
	if q.Pin != Unplaced {
		return []int{q.Pin}
	}
	var all, open, near []int
	for i, w := range workers {
		all = append(all, i)
		if !w.Isolated {
			open = append(open, i)
			if w.Node == q.Node {
				near = append(near, i)
			}
		}
	}
	for _, set := range [][]int{near, open} {
		if len(set) > 0 {
			return set
		}
	}
	return all
}

// A Move takes a queue from one worker to another; all are indices.
type Move struct {
	Queue, From, To int
}

// Rebalance returns the moves that even out the workers' loads, or none when it is not worth it: when
// no worker is busy, or the variance of the loads would shrink by less than a quarter. There must be at
// least one worker. Queues without a worker are left out.
//
// It moves single queues, each time the one that helps most, rather than deal anew: fewer queues
// change hands, and each move costs a worker's warm caches.
func Rebalance(queues []PlacedQueue, workers []PlacedWorker) []Move {
	placed := slices.Clone(queues)
	load := loads(placed, workers)
	if slices.Max(load) < minLoad {
		return nil
	}
	before := variance(load)
	var moves []Move
	for range queues {
		m, ok := bestMove(placed, workers, load)
		if !ok {
			break
		}
		load[m.From] -= placed[m.Queue].Load
		load[m.To] += placed[m.Queue].Load
		placed[m.Queue].Worker = m.To
		moves = append(moves, m)
	}
	if len(moves) == 0 || variance(load) > before*(1-minImprovement) {
		return nil
	}
	return netMoves(queues, placed)
}

// bestMove returns the move that brings the sum of squared loads down most: taking load x from a to b
// changes it by 2x(b+x-a).
func bestMove(queues []PlacedQueue, workers []PlacedWorker, load []float64) (best Move, ok bool) {
	const least = 1e-9 // gains below are rounding
	gain := least
	for i, q := range queues {
		if q.Worker == Unplaced {
			continue
		}
		for _, to := range eligible(q, workers) {
			if g := 2 * q.Load * (load[q.Worker] - load[to] - q.Load); g > gain {
				best, gain, ok = Move{i, q.Worker, to}, g, true
			}
		}
	}
	return best, ok
}

// netMoves returns the difference between two placements of the same queues.
func netMoves(from, to []PlacedQueue) []Move {
	var moves []Move
	for i := range from {
		if from[i].Worker != to[i].Worker {
			moves = append(moves, Move{i, from[i].Worker, to[i].Worker})
		}
	}
	return moves
}

func loads(queues []PlacedQueue, workers []PlacedWorker) []float64 {
	load := make([]float64, len(workers))
	for _, q := range queues {
		if q.Worker != Unplaced {
			load[q.Worker] += q.Load
		}
	}
	return load
}

func variance(v []float64) float64 {
	mean := 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	sum := 0.0
	for _, x := range v {
		sum += (x - mean) * (x - mean)
	}
	return sum / float64(len(v))
}

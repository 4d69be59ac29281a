package pmd

import (
	"cmp"
	"slices"
)

// A Policy says how queues are dealt out to workers.
type Policy uint8

// Policies.
const (
	// ByCycles gives a queue to the worker that has least to do, and moves queues when loads differ.
	ByCycles Policy = iota
	// RoundRobin gives queues to workers in turn, whatever they cost; queues are never moved for load.
	RoundRobin
)

// When a rebalance is worth the caches it cools: OVS's auto load balance asks for the same gain, and
// for 95 % load, but must stop its workers to move a queue.
const (
	minImprovement = 0.25 // of the variance of the workers' loads
	minLoad        = 0.70 // share of a core, of the busiest worker
)

// unplaced is where a queue is that no worker has.
const unplaced = -1

// A placedQueue is a queue as placement sees it.
type placedQueue struct {
	Load   float64 // share of a core its packets take, measured; 0 when new
	Node   int     // NUMA node of its device, -1 when unknown
	Pin    int     // index of the worker it is pinned to, unplaced for none
	Worker int     // index of the worker that has it, or unplaced
}

// A placedWorker is a worker as placement sees it.
type placedWorker struct {
	Node     int  // NUMA node of its CPU, -1 when unknown
	Isolated bool // takes only queues pinned to it
}

// choose returns the worker for queue i, given where the others are. There must be at least one worker,
// and pins must name workers.
//
// A pinned queue goes where it is pinned. Others go to workers that are not isolated, on the queue's
// NUMA node if there is one; when all workers are isolated, that no longer counts, since a queue that
// nobody polls is worse.
func choose(p Policy, queues []placedQueue, i int, workers []placedWorker) int {
	load := make([]float64, len(workers))
	count := make([]int, len(workers))
	for j, q := range queues {
		if j != i && q.Worker != unplaced {
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
func eligible(q placedQueue, workers []placedWorker) []int {
	if q.Pin != unplaced {
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

// A move takes a queue from one worker to another; all are indices.
type move struct {
	Queue, From, To int
}

// rebalance returns the moves that even out the workers' loads, or none when it is not worth it: when
// no worker is busy, or the variance of the loads would shrink by less than a quarter. There must be at
// least one worker. Queues without a worker are left out.
//
// It moves single queues, each time the one that helps most, rather than deal anew: fewer queues
// change hands, and each move costs a worker's warm caches.
func rebalance(queues []placedQueue, workers []placedWorker) []move {
	placed := slices.Clone(queues)
	load := loads(placed, workers)
	if slices.Max(load) < minLoad {
		return nil
	}
	before := variance(load)
	var moves []move
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
func bestMove(queues []placedQueue, workers []placedWorker, load []float64) (best move, ok bool) {
	const least = 1e-9 // gains below are rounding
	gain := least
	for i, q := range queues {
		if q.Worker == unplaced {
			continue
		}
		for _, to := range eligible(q, workers) {
			if g := 2 * q.Load * (load[q.Worker] - load[to] - q.Load); g > gain {
				best, gain, ok = move{i, q.Worker, to}, g, true
			}
		}
	}
	return best, ok
}

// netMoves returns the difference between two placements of the same queues.
func netMoves(from, to []placedQueue) []move {
	var moves []move
	for i := range from {
		if from[i].Worker != to[i].Worker {
			moves = append(moves, move{i, from[i].Worker, to[i].Worker})
		}
	}
	return moves
}

func loads(queues []placedQueue, workers []placedWorker) []float64 {
	load := make([]float64, len(workers))
	for _, q := range queues {
		if q.Worker != unplaced {
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

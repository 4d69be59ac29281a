package cpu

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// A Placement says which CPUs workers have and where everything else of the process runs.
type Placement struct {
	Workers      []int    // CPU of each worker
	Housekeeping Set      // for Confine; never empty
	Warnings     []string // what is not as it should be, for people
}

// Plan chooses CPUs for n workers: among requested, or when that is empty among all the process may
// use. It prefers isolated CPUs, avoids hardware threads of one core, then CPU 0, where most interrupts
// and kernel threads are; then it takes the lowest numbers. It fails when n is not positive, when a
// requested CPU is not to be had, or when fewer CPUs than workers are requested. On machines with too
// few CPUs workers share: with housekeeping first, then with each other.
func Plan(n int, t *Topology, requested Set) (Placement, error) {
	if n < 1 {
		return Placement{}, fmt.Errorf("plan CPUs for %d workers: want at least 1", n)
	}
	candidates := t.Allowed
	if !requested.Empty() {
		if missing := requested.Without(t.Allowed); !missing.Empty() {
			return Placement{}, fmt.Errorf("plan CPUs for workers: CPUs %v are not among those the process may use: %v", missing, t.Allowed)
		}
		if requested.Len() < n {
			return Placement{}, fmt.Errorf("plan CPUs for %d workers: only CPUs %v are requested", n, requested)
		}
		candidates = requested
	}
	if candidates.Empty() {
		return Placement{}, errors.New("plan CPUs for workers: the process may use none")
	}
	var p Placement
	for range n {
		p.Workers = append(p.Workers, t.next(candidates, p.Workers))
	}
	workers := SetOf(p.Workers...)
	p.Housekeeping = t.housekeeping(workers)
	p.Warnings = t.warnings(p.Workers, p.Housekeeping)
	return p, nil
}

// next returns the best candidate for one more worker.
func (t *Topology) next(candidates Set, taken []int) int {
	type score struct {
		cpu, users, shared, zero, plain int
	}
	var scores []score
	for c := range candidates.All() {
		s := score{cpu: c}
		for _, other := range taken {
			if other == c {
				s.users++
			} else if t.siblings(c).Has(other) {
				s.shared++
			}
		}
		if c == 0 {
			s.zero = 1
		}
		if !t.Isolated.Has(c) {
			s.plain = 1
		}
		scores = append(scores, s)
	}
	return slices.MinFunc(scores, func(a, b score) int {
		return cmp.Or(
			cmp.Compare(a.users, b.users),
			cmp.Compare(a.plain, b.plain),
			cmp.Compare(a.shared, b.shared),
			cmp.Compare(a.zero, b.zero),
			cmp.Compare(a.cpu, b.cpu),
		)
	}).cpu
}

// housekeeping returns where everything but the workers runs: CPUs without a worker that are not
// isolated; failing that any without a worker; failing that all.
func (t *Topology) housekeeping(workers Set) Set {
	rest := t.Allowed.Without(workers)
	if open := rest.Without(t.Isolated); !open.Empty() {
		return open
	}
	if !rest.Empty() {
		return rest
	}
	return t.Allowed
}

// siblings returns the hardware threads of c's core.
func (t *Topology) siblings(c int) Set {
	if info := t.CPU(c); info != nil {
		return info.Siblings
	}
	return SetOf(c)
}

func (t *Topology) warnings(workers []int, housekeeping Set) []string {
	var w []string
	for i, c := range workers {
		for j, other := range workers[:i] {
			switch {
			case other == c:
				w = append(w, fmt.Sprintf("worker %d shares CPU %d with worker %d: they take turns", i, c, j))
			case t.siblings(c).Has(other):
				w = append(w, fmt.Sprintf("worker %d on CPU %d shares a core with worker %d on CPU %d: each gets part of it", i, c, j, other))
			}
		}
		if housekeeping.Has(c) {
			w = append(w, fmt.Sprintf("worker %d shares CPU %d with the rest of the process: expect pauses", i, c))
			continue
		}
		if busy := t.siblings(c).And(housekeeping); !busy.Empty() {
			w = append(w, fmt.Sprintf("worker %d on CPU %d shares a core with CPU %v, which the rest of the process uses", i, c, busy))
		}
	}
	if t.Quota > 0 && t.Quota < float64(len(workers)+1) {
		w = append(w, fmt.Sprintf("the cgroup grants %.2g CPUs to %d workers and the rest of the process: the kernel stops them when it is used up", t.Quota, len(workers)))
	}
	return w
}

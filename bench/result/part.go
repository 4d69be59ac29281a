package result

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Part is a run from its start, or from where it was resumed, until it was over or broken off.
type Part struct {
	Started   time.Time `json:"started"`
	Generator float64   `json:"generator_alone"` // what our own generator did by itself, back to back in memory, just before: frames of the shortest size a second
	Distance  []float64 `json:"cache_line_ns"`   // a cache line's round trip between the CPUs, before and after that
}

// Begin begins a part: the windows that are added from now on are of it.
func (b *Book) Begin(p Part) {
	b.Parts = append(b.Parts, p)
	b.part = len(b.Parts)
}

// PartsOf returns those parts of the run, from 1 on, in which windows of a row were measured.
func (r *Run) PartsOf(row *Row) (list []int) {
	for i := range r.Parts {
		if slices.ContainsFunc(row.Windows, func(w Window) bool { return w.Part == i+1 }) {
			list = append(list, i+1)
		}
	}
	return list
}

// resumes is an error when a run is no continuation of one with rows: other files are measured, or otherwise. One that names no files adds what it
// has to any.
func (r *Run) resumes(before *Run) error {
	if len(r.Programs) == 0 {
		return nil
	}
	names := maps.Clone(before.Programs)
	if names == nil {
		names = make(map[string]string)
	}
	maps.Copy(names, r.Programs)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		now, takes := r.Programs[name]
		then, took := before.Programs[name]
		switch {
		case !took && len(before.Programs) == 0:
			return fmt.Errorf("it does not say of which file %s was", cut(name))
		case !took:
			return fmt.Errorf("the run was begun without %s", cut(name))
		case !takes:
			return fmt.Errorf("the run was begun with %s, which does not take part now", cut(name))
		case now != then:
			return fmt.Errorf("%s was another file, of SHA-256 %.12s, and is of %.12s now", cut(name), then, now)
		}
	}
	if before.Setup.Windows != r.Setup.Windows {
		return fmt.Errorf("its windows are others: %s", cut(before.Setup.Windows))
	}
	if then, now := before.Setup.Nice, r.Setup.Nice; then != now {
		return fmt.Errorf("its switches had the nice value %d, and have %d now", then, now)
	}
	if before.Setup.Generator != r.Setup.Generator {
		return errors.New("its generator was another")
	}
	return nil
}

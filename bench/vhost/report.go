package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// A report is everything that was measured.
type report struct {
	Machine string   `json:"machine"`
	Options string   `json:"options"`
	Samples []sample `json:"samples"`
	path    string   // of the file it is kept in; "" for none
}

// open reads what an earlier run has left in a file, if there is one: its windows are not measured again.
func (r *report) open(path string) error {
	r.path = path
	text, err := os.ReadFile(path)
	if path == "" || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var before report
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("%s: want the file of an earlier run: %w", path, err)
	}
	r.Samples = before.Samples
	return nil
}

// has reports whether a window is there already.
func (r *report) has(at cell, contender string, round, turn int) bool {
	return slices.ContainsFunc(r.Samples, func(s sample) bool {
		return s.cell == at && s.Contender == contender && s.Round == round && s.Turn == turn
	})
}

// add adds a window and saves all.
func (r *report) add(s sample) error {
	r.Samples = append(r.Samples, s)
	if r.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(r.path, append(text, '\n'), 0o644)
}

func (s *sample) print(w io.Writer) {
	fmt.Fprintf(w, "%s  %-8s %s: ", s.cell, s.Contender, s.Version)
	if s.Half > 0 {
		fmt.Fprintf(w, "half within %v, 99 %% within %v", s.Half, s.Most)
	} else {
		fmt.Fprintf(w, "%6.2f Mpps, %.0f ns of CPU time each", s.Rate/1e6, s.CPU)
	}
	if s.Cycles > 0 && s.Half == 0 {
		fmt.Fprintf(w, ", %.0f cycles a packet", s.Cycles)
	}
	if !s.valid() {
		fmt.Fprint(w, ", left out: looked up otherwise than the row says")
	}
	fmt.Fprintf(w, "  (%s; %s: cache line %d, %d ns; others use %.0f and %.0f %%, waited %.0f %%)\n",
		s.LookUps, s.class(), s.Distance[0], s.Distance[1], 100*s.Used[0], 100*s.Used[1], 100*s.Waited)
	printStages(w, s.Stages)
}

// print writes, for each cell and class of distance, the medians of its contenders and the ratio of the first to the
// second.
func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprint(w, "\nrings\tbytes\trow\tCPUs\t\t\t\t\tratio\twindows\n")
	for _, at := range r.cells() {
		for _, class := range []string{"near", "far", "mixed"} {
			if at.row().flows > 0 {
				r.printCell(w, at, class, "Mpps", func(s sample) float64 { return s.Rate / 1e6 })
				continue
			}
			r.printCell(w, at, class, "µs half", func(s sample) float64 { return s.Half.Seconds() * 1e6 })
			r.printCell(w, at, class, "µs 99 %", func(s sample) float64 { return s.Most.Seconds() * 1e6 })
		}
	}
	w.Flush()
}

func (r *report) printCell(w io.Writer, at cell, class, unit string, of func(sample) float64) {
	names := r.contenders(at)
	var medians []float64
	windows := 0
	for _, n := range names {
		figures := r.figures(at, n, class, of)
		medians = append(medians, median(figures))
		windows += len(figures)
	}
	if windows == 0 {
		return
	}
	fmt.Fprintf(w, "%s\t%d\t%s\t%s", at.Rings, at.Size, at.Row, class)
	for i, n := range names {
		fmt.Fprintf(w, "\t%s\t%.2f %s", n, medians[i], unit)
	}
	if len(names) == 2 && medians[0] > 0 && medians[1] > 0 {
		fmt.Fprintf(w, "\t%.2f", medians[0]/medians[1])
	} else {
		fmt.Fprint(w, "\t")
	}
	fmt.Fprintf(w, "\t%d\n", windows)
}

func (r *report) cells() (all []cell) {
	for _, s := range r.Samples {
		if !slices.Contains(all, s.cell) {
			all = append(all, s.cell)
		}
	}
	return all
}

func (r *report) contenders(at cell) (names []string) {
	for _, s := range r.Samples {
		if s.cell == at && !slices.Contains(names, s.Contender) {
			names = append(names, s.Contender)
		}
	}
	return names
}

// figures returns a contender's in the windows of one class that are about what the row says: those that nobody
// disturbed, or all when there are none.
func (r *report) figures(at cell, contender, class string, of func(sample) float64) []float64 {
	var calm, all []float64
	for _, s := range r.Samples {
		if s.cell != at || s.Contender != contender || s.class() != class || !s.valid() {
			continue
		}
		all = append(all, of(s))
		if s.undisturbed() {
			calm = append(calm, of(s))
		}
	}
	if len(calm) > 0 {
		return calm
	}
	return all
}

// median is the mean of the middle two when they are even in number; 0 of none.
func median(all []float64) float64 {
	n := len(all)
	if n == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

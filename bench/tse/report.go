package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// A report is everything that was measured.
type report struct {
	phases  []phase
	samples []sample
}

func (p phase) String() string {
	switch {
	case p.flood:
		return "new flows only"
	case p.attack == 0:
		return "clean"
	}
	return fmt.Sprintf("attack %d/s", p.attack)
}

func (s *sample) print(w io.Writer) {
	fmt.Fprintf(w, "%s %s:", s.contender, s.version)
	for _, r := range s.results {
		fmt.Fprintf(w, "  %.0f+%.0f of %.0f+%.0f kpps (%.0f %% CPU, %s)", r.received[0]/1e3, r.received[1]/1e3,
			r.offered[0]/1e3, r.offered[1]/1e3, 100*(r.user+r.system), r.cached)
	}
	fmt.Fprintln(w)
}

// kept returns which part of its clean rate a victim keeps in phase i, 0 beside and 1 behind: of what was
// offered each time, so that a sender that was late does not count against the switch.
func (s *sample) kept(i, victim int) float64 {
	clean, now := &s.results[0], &s.results[i]
	return now.received[victim] / max(now.offered[victim], 1) / (clean.received[victim] / max(clean.offered[victim], 1))
}

// print writes medians over all starts of each contender.
func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	names := r.contenders()
	fmt.Fprint(w, "\nmedians\t")
	for _, n := range names {
		if r.phases[0].flood {
			fmt.Fprintf(w, "%s: new flows/s\tuser µs each\tsystem\t", n)
		} else {
			fmt.Fprintf(w, "%s: beside\tbehind\tkpps\t", n)
		}
	}
	fmt.Fprintln(w)
	for i, p := range r.phases {
		fmt.Fprintf(w, "%s\t", p)
		for _, n := range names {
			received := r.median(n, func(s *sample) float64 { return s.results[i].received[0] })
			if p.flood {
				each := func(of func(*outcome) float64) float64 {
					return r.median(n, func(s *sample) float64 { return 1e6 * of(&s.results[i]) / max(s.results[i].received[0], 1) })
				}
				fmt.Fprintf(w, "%.0f\t%.2f\t%.2f\t", received,
					each(func(r *outcome) float64 { return r.user }), each(func(r *outcome) float64 { return r.system }))
				continue
			}
			behind := r.median(n, func(s *sample) float64 { return s.results[i].received[1] })
			fmt.Fprintf(w, "%.1f %%\t%.1f %%\t%.0f + %.0f\t", 100*r.median(n, func(s *sample) float64 { return s.kept(i, 0) }),
				100*r.median(n, func(s *sample) float64 { return s.kept(i, 1) }), received/1e3, behind/1e3)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	if len(names) == 2 && r.phases[0].flood {
		of := func(n string) float64 {
			return r.median(n, func(s *sample) float64 { return s.results[0].received[0] })
		}
		fmt.Fprintf(out, "%s / %s: %.2f\n", names[0], names[1], of(names[0])/max(of(names[1]), 1))
	}
}

func (r *report) contenders() (names []string) {
	for _, s := range r.samples {
		if !slices.Contains(names, s.contender) {
			names = append(names, s.contender)
		}
	}
	return names
}

// median returns the median over a contender's samples: the mean of the middle two when they are even in number.
func (r *report) median(contender string, of func(*sample) float64) float64 {
	var all []float64
	for i := range r.samples {
		if r.samples[i].contender == contender {
			all = append(all, of(&r.samples[i]))
		}
	}
	slices.Sort(all)
	n := len(all)
	if n == 0 {
		return 0
	}
	return (all[(n-1)/2] + all[n/2]) / 2
}

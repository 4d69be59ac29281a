package main

import (
	"fmt"
	"io"
)

// print writes a line about one window as soon as it has been measured.
func (s *sample) print(w io.Writer) {
	fmt.Fprintf(w, "%s  %-8s %s: ", s.cell, s.Contender, s.Version)
	if s.Half > 0 {
		fmt.Fprintf(w, "half within %v, 99 %% within %v", s.Half, s.Most)
	} else {
		fmt.Fprintf(w, "%6.2f Mpps, %.0f ns of CPU time each", s.Rate/1e6, s.CPU)
	}
	if s.Offered > 0 {
		fmt.Fprintf(w, " (%.2f offered)", s.Offered/1e6)
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

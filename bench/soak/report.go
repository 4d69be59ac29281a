package soak

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Report is everything a run has seen.
type Report struct {
	Seed     uint64            `json:"seed"`
	Seconds  float64           `json:"seconds"`
	Verdict  string            `json:"verdict"`
	Failures []Failure         `json:"failures"`
	Failed   int               `json:"failed"` // failures, with those that are not listed
	Quiet    []Sample          `json:"quiet"`  // taken at quiet moments, when all memory that is not in use was given back
	Sums     int               `json:"sums"`   // that were compared at these
	Steps    []Tried           `json:"steps"`
	Traffic  map[string]uint64 `json:"traffic"`
	Trends   []Trend           `json:"trends"`
	First    Sample            `json:"first"`   // all ports open, before the churn
	Last     Sample            `json:"last"`    // all ports open as then, after it
	Samples  []Sample          `json:"samples"` // taken under load
}

func (r *Report) write(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// print prints what there is to see at a glance.
func (r *Report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nstep\ttimes\tfailed\tslowest recovery\tmean\t")
	for _, t := range r.Steps {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f s\t%.2f s\t\n", t.Step, t.Count, t.Failed, t.Slowest, t.Total/float64(t.Count))
	}
	fmt.Fprintln(w, "\ntraffic\t\t")
	for _, k := range slices.Sorted(maps.Keys(r.Traffic)) {
		fmt.Fprintf(w, "%s\t%d\t\n", k, r.Traffic[k])
	}
	fmt.Fprintln(w, "\ndaemon\tfirst\tlast\t")
	for _, row := range []struct {
		name        string
		first, last float64
	}{
		{"resident memory", float64(r.First.RSS), float64(r.Last.RSS)},
		{"anonymous memory", float64(r.First.Anonymous), float64(r.Last.Anonymous)},
		{"threads", float64(r.First.Threads), float64(r.Last.Threads)},
		{"descriptors", float64(r.First.FDs), float64(r.Last.FDs)},
		{"goroutines", float64(r.First.Goroutines), float64(r.Last.Goroutines)},
	} {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", row.name, amount(row.first), amount(row.last))
	}
	if len(r.Trends) > 0 {
		fmt.Fprintln(w, "\nmedians at quiet moments\t2nd quarter\tlast quarter\tbound\t")
	}
	for _, t := range r.Trends {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", t.What, amount(t.Second), amount(t.Last), amount(t.Bound))
	}
	w.Flush()
	var peak float64
	for _, s := range r.Samples {
		peak = max(peak, float64(s.RSS))
	}
	fmt.Fprintf(out, "%d sums were compared at %d quiet moments; most memory under load: %s\n", r.Sums, len(r.Quiet), amount(peak))
}

// amount prints a number of things, or of bytes where it is large.
func amount(v float64) string {
	if v < 1<<16 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f MiB", v/(1<<20))
}

// line is a sample on one line.
func (s Sample) line(failed int) string {
	return fmt.Sprintf("%8s  %4d steps  %9d packets  %5d flows  rss %s  anonymous %s  heap %s  %d threads  %d descriptors  %d goroutines  %d failures",
		time.Duration(s.Seconds*float64(time.Second)).Round(time.Second), s.Churn, s.Packets, s.Flows,
		amount(float64(s.RSS)), amount(float64(s.Anonymous)), amount(float64(s.Heap)), s.Threads, s.FDs, s.Goroutines, failed)
}

// indent puts two spaces before each line.
func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}

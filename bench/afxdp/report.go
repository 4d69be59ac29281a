package main

import (
	"fmt"
	"github.com/culvertdev/culvert/bench/contest"
	"io"
	"slices"
	"text/tabwriter"
)

// A report is everything that was measured.
type report struct {
	Machine string   `json:"machine"`
	Options string   `json:"options"`
	Samples []sample `json:"samples"`
}

func (r *report) add(s sample) { r.Samples = append(r.Samples, s) }

func (r *report) printHead(w io.Writer) {
	fmt.Fprintf(w, "%s\nswitch on CPU %d, hosts on CPU %d; namespaces on veth pairs, MTU 1500\n\n", r.Machine, contest.SwitchCPU, contest.HostCPU)
}

func (s *sample) print(w io.Writer) {
	fmt.Fprintf(w, "round %d  %-8s %s  TCP %5.2f Gbit/s  iperf3 %5.2f  64 B: offered %.3f Mpps, received %.3f, %4.0f ns user + %4.0f ns kernel  ping %3.0f µs  (cache line %d, %d ns; others use %.0f and %.0f %%, waited %.0f %%)\n",
		s.Round, s.Contender, s.Version, s.TCP/1e9, s.Iperf/1e9, s.Offered/1e6, s.Received/1e6, s.User, s.Kernel, s.RTT/1e3, s.RoundTrip[0], s.RoundTrip[1], 100*s.Others[0], 100*s.Others[1], 100*s.Waited)
}

// figures are what is summed up, one row each.
func figures() []struct {
	name   string
	of     func(sample) float64
	format string
} {
	return []struct {
		name   string
		of     func(sample) float64
		format string
	}{
		{"TCP, Gbit/s", func(s sample) float64 { return s.TCP / 1e9 }, "%.2f"},
		{"TCP by iperf3, Gbit/s", func(s sample) float64 { return s.Iperf / 1e9 }, "%.2f"},
		{"64 B offered, Mpps", func(s sample) float64 { return s.Offered / 1e6 }, "%.3f"},
		{"64 B received, Mpps", func(s sample) float64 { return s.Received / 1e6 }, "%.3f"},
		{"user, ns a packet", func(s sample) float64 { return s.User }, "%.0f"},
		{"kernel, ns a packet", func(s sample) float64 { return s.Kernel }, "%.0f"},
		{"ping round trip, µs", func(s sample) float64 { return s.RTT / 1e3 }, "%.1f"},
	}
}

// print writes medians, and the ratio of the two contenders.
func (r *report) print(out io.Writer) {
	fmt.Fprintln(out)
	var names []string
	for _, s := range r.Samples {
		if !slices.Contains(names, s.Contender) {
			names = append(names, s.Contender)
			fmt.Fprintf(out, "%s %s: %s; medians over %d windows\n", s.Contender, s.Version, s.Mode, len(r.of(s.Contender)))
		}
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "medians\t")
	for _, n := range names {
		fmt.Fprint(w, n, "\t")
	}
	if len(names) == 2 {
		fmt.Fprintf(w, "%s / %s\t", names[0], names[1])
	}
	fmt.Fprintln(w)
	for _, f := range figures() {
		var values []float64
		fmt.Fprint(w, f.name, "\t")
		for _, n := range names {
			v := r.median(n, f.of)
			values = append(values, v)
			fmt.Fprintf(w, f.format+"\t", v)
		}
		if len(values) == 2 && values[1] != 0 {
			fmt.Fprintf(w, "%.2f\t", values[0]/values[1])
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}

// of returns a contender's samples: those that nobody disturbed, or all when there are none.
func (r *report) of(contender string) (all []sample) {
	for _, s := range r.Samples {
		if s.Contender == contender && s.undisturbed() {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		all = slices.DeleteFunc(slices.Clone(r.Samples), func(s sample) bool { return s.Contender != contender })
	}
	return all
}

// median returns the median of a contender's samples: the mean of the middle two when they are even in
// number.
func (r *report) median(contender string, of func(sample) float64) float64 {
	var all []float64
	for _, s := range r.of(contender) {
		all = append(all, of(s))
	}
	slices.Sort(all)
	n := len(all)
	if n == 0 {
		return 0
	}
	return (all[(n-1)/2] + all[n/2]) / 2
}

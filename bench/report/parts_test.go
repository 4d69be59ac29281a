package report

import (
	"slices"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/result"
)

func TestAPageSaysOfEachRowWhatTheGeneratorDidByItselfInItsParts(t *testing.T) {
	run := sampleRun()
	alone := func() (list []string) {
		all := slices.Clone(setupFacts(run))
		for _, r := range rowsFacts(run) {
			all = append(all, r.Facts...)
		}
		for _, f := range all {
			if f.Name == "Generator by itself" {
				list = append(list, f.Text)
			}
		}
		return list
	}
	if got := alone(); got != nil {
		t.Errorf("of a run that has no parts it says %q", got)
	}
	run.Parts = []result.Part{{Started: time.Unix(1e9, 0), Generator: 26e6, Distance: []float64{70, 80}}}
	first := "26.0 Mpps, cache line 70 and 80 ns"
	if got := alone(); !slices.Equal(got, []string{first}) {
		t.Errorf("of a run that was not resumed it says %q", got)
	}
	run.Parts = append(run.Parts, result.Part{Started: time.Unix(1e9+600, 0), Generator: 13e6})
	first, second := "part 1, begun 2001-09-09 01:46:40 UTC: "+first, "part 2, begun 2001-09-09 01:56:40 UTC: 13.0 Mpps"
	for i := range run.Rows {
		for k := range run.Rows[i].Windows {
			run.Rows[i].Windows[k].Part = 1 + i%2
		}
	}
	want := []string{first + "; " + second}
	for i := range run.Rows {
		if len(run.Rows[i].Windows) > 0 {
			want = append(want, []string{first, second}[i%2])
		}
	}
	if got := alone(); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	render(t, run)
}

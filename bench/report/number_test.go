package report

import (
	"fmt"
	"maps"
	"regexp"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
)

// Rows have different switches: the second of one row is not that of another.
func TestASwitchHasOneColourInAllRows(t *testing.T) {
	second := func(name string, contenders ...string) result.Row {
		row := ratesRow(name, 0)
		row.Contenders = nil
		for turn, c := range contenders {
			row.Contenders = append(row.Contenders, result.Contender{Name: c})
			w := mpps(c, turn, 10, "near")
			w.Latency = []result.Percentile{{Percent: 50, Ns: 3000}, {Percent: 99, Ns: 4000}}
			w.Load = []result.LoadStep{{Offered: 1e6, Received: 1e6}}
			row.Windows = append(row.Windows, w)
		}
		return row
	}
	run := runOf(second("no look-up", "ports", "testpmd"), second("port rule", "culvert", "ovs"), second("veth", "culvert", "bridge", "ovs"))
	want := map[string]int{"culvert": 0, "ovs": 1, "ports": 2, "testpmd": 3, "bridge": 4}
	if got := numbersOf(run); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, kind := range map[string]*regexp.Regexp{
		"bars":    regexp.MustCompile(`class="bar s(\d)"><title>(\w+): 10.0<`),
		"latency": regexp.MustCompile(`class="mark s(\d)"><title>(\w+), 50: `),
		"loss":    regexp.MustCompile(`class="mark s(\d)"><title>(\w+), 1.00: none`),
	} {
		all := kind.FindAllStringSubmatch(string(render(t, run)), -1)
		if len(all) != 7 {
			t.Errorf("%s: %d are drawn, want 7", name, len(all))
		}
		for _, m := range all {
			if m[1] != fmt.Sprint(want[m[2]]) {
				t.Errorf("%s: %s has the colour %s, want %d", name, m[2], m[1], want[m[2]])
			}
		}
	}
}

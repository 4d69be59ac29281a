package main

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/method"
)

func TestASearchSaysWhatWasFoundAndWhatWasNot(t *testing.T) {
	at := func(rate float64, class string) *method.Tried {
		return &method.Tried{Rate: rate, Outcome: method.Outcome{Offered: 1000, Lost: 100, Class: class}}
	}
	for _, tt := range []struct {
		name  string
		found method.Found
		want  string
	}{
		{"without loss", method.Found{Passed: at(100, ""), Failed: at(101, ""), Conditional: 100}, "loss of at most 0 %: 100 f/s; with 101 10.0000 % were lost\n"},
		{"with some", method.Found{Loss: 0.005, Passed: at(100, ""), Failed: at(101, ""), Conditional: 99.6}, "loss of at most 0.5 %: 100 f/s; with 101 10.0000 % were lost\n    conditional throughput: 100 f/s\n"},
		{"no trials or time left", method.Found{Passed: at(100, "near"), Failed: at(200, "near"), Open: true, Others: []method.Found{{Failed: at(50, "far"), Open: true}}},
			"loss of at most 0 %: not found, there are no trials or time left: 100 f/s, and 200 that does not pass, CPUs near\n    in another class: none that passes, and 50 that does not pass, CPUs far\n"},
		{"nothing known", method.Found{Open: true}, "loss of at most 0 %: not found, there are no trials or time left: none that passes, and none that does not pass\n"},
	} {
		var out strings.Builder
		printFound(&out, "f/s", []method.Found{tt.found})
		if out.String() != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, out.String(), tt.want)
		}
	}
}

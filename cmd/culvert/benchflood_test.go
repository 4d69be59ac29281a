package main

import (
	"testing"

	"github.com/culvertdev/culvert/bench/flood"
)

func TestAFloodSaysWhenTheGeneratorWasTheLimit(t *testing.T) {
	for want, n := range map[string]flood.Counts{
		"": {Offered: 1000, Starved: 99},
		"; the generator was the limit: the switch may have waited for 64 % of them": {Offered: 1000, Starved: 640},
	} {
		if got := limit(n); got != want {
			t.Errorf("%+v: %q, want %q", n, got, want)
		}
	}
}

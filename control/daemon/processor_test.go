package daemon

import (
	"strings"
	"testing"
)

func TestAnExactMatchCacheBeyondTheProcessorsIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		name        string
		entries, l2 int
		warns       bool
	}{
		{"the default in a megabyte", 8192, 1 << 20, false},
		{"just as large", 16384, 1 << 20, false},
		{"too large", 32768, 1 << 20, true},
		{"size unknown", 1 << 20, -1, false},
	} {
		if got := emcAdvice(c.entries, c.l2); strings.Contains(got, "emc-entries") != c.warns {
			t.Errorf("%s: got %q, want a warning: %v", c.name, got, c.warns)
		}
	}
}

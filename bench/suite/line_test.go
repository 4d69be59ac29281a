package suite

import (
	"strings"
	"testing"
)

func TestWhatIsKnownOfAWindowFitsATerminal(t *testing.T) {
	long := strings.Repeat("x", columns)
	for _, c := range []struct {
		name  string
		words []string
		want  string
	}{
		{"nothing", nil, ""},
		{"a line", []string{"rate 1 Mpps", "3 windows"}, "    rate 1 Mpps, 3 windows\n"},
		{"two lines", []string{strings.Repeat("a", 50), strings.Repeat("b", 50), "c"}, "    " + strings.Repeat("a", 50) + ",\n    " + strings.Repeat("b", 50) + ", c\n"},
		{"a line that is just full", []string{strings.Repeat("a", 50), strings.Repeat("b", 44)}, "    " + strings.Repeat("a", 50) + ", " + strings.Repeat("b", 44) + "\n"},
		{"a word too long", []string{"a", long, "b"}, "    a,\n    " + long + ",\n    b\n"},
	} {
		var out strings.Builder
		printWords(&out, c.words)
		if out.String() != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.name, &out, c.want)
		}
	}
}

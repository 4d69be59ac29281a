package openflow

import (
	"errors"
	"testing"
)

// FuzzParseChange: what anybody may send the daemon is refused with a place or read; what was read is
// written and read again as the same, and a table takes it or says why not.
func FuzzParseChange(f *testing.F) {
	for _, s := range []string{
		"add priority=5,tcp,check_overlap,importance=3,actions=output:2", "modify_strict cookie=1/-1,cookie=2,ip,actions=drop",
		"delete out_port=2,table=4", "delete_strict cookie=3,priority=9", "  modify", "add", "table=9 actions=resubmit(,1)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parser{}.ParseChange(s)
		if err != nil {
			if se := (*SyntaxError)(nil); !errors.As(err, &se) || se.Col < 1 || se.Col > len(s)+1 {
				t.Fatalf("%q: got %v, want a mistake with its place", s, err)
			}
			return
		}
		tb, _ := newTable(t, Options{}, trunks(1, 2), "priority=5,tcp,actions=1\ntable=4,cookie=1,actions=2")
		before := dump(tb)
		if _, err := tb.Apply([]Change{c}); err != nil && dump(tb) != before {
			t.Errorf("%q: %v, but something has changed", s, err)
		}
		if c.Op != OpModify { // whose text does not say which cookies it is for
			again, err := Parser{}.ParseChange(c.String())
			if err != nil || again.String() != c.String() {
				t.Errorf("%q became %q, which becomes %q, %v", s, c.String(), again.String(), err)
			}
		}
	})
}

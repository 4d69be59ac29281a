package near

import (
	"slices"
	"strings"
	"testing"
)

func TestWordsThatMayHaveBeenMeant(t *testing.T) {
	known := []string{"nw_src", "nw_dst", "nw_ttl", "mpls_ttl", "in_port", "dl_vlan", "vlan_vid", "metadata", "output", "push_vlan", "NXM_NX_REG1"}
	for word, want := range map[string]string{
		"nw_srcc":                "nw_src", // one too many
		"nw_sr":                  "nw_src", // one too few
		"mw_src":                 "nw_src", // another
		"nw_scr":                 "nw_src", // two the wrong way round
		"NW_SRC":                 "nw_src",
		"nxm_nx_reg1":            "NXM_NX_REG1",
		"outptu":                 "output",
		"ttl":                    "nw_ttl,mpls_ttl", // a part
		"vlan":                   "dl_vlan,vlan_vid,push_vlan",
		"nw_tst":                 "nw_dst",
		"x":                      "",
		"":                       "",
		"something else":         "",
		strings.Repeat("a", 100): "",
	} {
		if got := strings.Join(Words(word, known), ","); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
	if got := Words("ab", []string{"aa", "ac", "ad", "ae", "af"}); len(got) != most {
		t.Errorf("got %v, want %d words", got, most)
	}
}

func TestHints(t *testing.T) {
	known := []string{"aaa1", "aaa2", "aaa3"}
	for n, want := range []string{"", "; did you mean aaa1?", "; did you mean aaa1 or aaa2?", "; did you mean aaa1, aaa2 or aaa3?"} {
		if got := Hint("aaa", known[:n]); got != want {
			t.Errorf("%d words: got %q, want %q", n, got, want)
		}
	}
}

// slowSlips is slips, by definition.
func slowSlips(a, b string) int {
	switch {
	case a == "" || b == "":
		return len(a) + len(b)
	case a[0] == b[0]:
		return slowSlips(a[1:], b[1:])
	}
	n := 1 + min(slowSlips(a[1:], b), slowSlips(a, b[1:]), slowSlips(a[1:], b[1:]))
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		n = min(n, 1+slowSlips(a[2:], b[2:]))
	}
	return n
}

func TestSlipsAreCountedAsDefined(t *testing.T) {
	words := []string{"", "a", "b", "ab", "ba", "abc", "acb", "cab", "abcd", "badc", "aabb", "abab", "xaby", "ca"}
	for _, a := range words {
		for _, b := range words {
			want := slowSlips(a, b)
			if got := slips(a, b, 9); got != want {
				t.Errorf("%q and %q: got %d, want %d", a, b, got, want)
			}
			if got := slips(a, b, 1); got != min(want, 2) {
				t.Errorf("%q and %q, no more than 1: got %d, want %d", a, b, got, min(want, 2))
			}
		}
	}
	if !slices.IsSorted([]int{slips("in_port", "inport", 9), slips("in_port", "n_prt", 9), slips("in_port", "zzz", 9)}) {
		t.Error("words further apart are nearer")
	}
}

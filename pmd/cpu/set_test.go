package cpu

import (
	"slices"
	"strings"
	"testing"
)

func TestParseSet(t *testing.T) {
	for _, c := range []struct {
		text string
		want Set
	}{
		{"", Set{}},
		{"\n", Set{}},
		{"0", SetOf(0)},
		{"0-3,8,10-11\n", SetOf(0, 1, 2, 3, 8, 10, 11)},
		{"5-5", SetOf(5)},
		{"3,1,2-3", SetOf(1, 2, 3)},
		{"1023", SetOf(1023)},
	} {
		got, err := ParseSet(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q: got %v, %v; want %v", c.text, got, err, c.want)
		}
	}
}

func TestParseSetRefusesWhatTheKernelDoesNotWrite(t *testing.T) {
	for _, text := range []string{
		",", "1,", "-", "1-", "-1", "3-2", "1024", "0-1024", "0-99999999999999999999", "+1", "0x1", "a", "1 2", "1-2-3", "1--2",
	} {
		if got, err := ParseSet(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestSetOperations(t *testing.T) {
	a, b := SetOf(1, 2, 3, 700), SetOf(2, 3, 4)
	for _, c := range []struct {
		name string
		got  Set
		want string
	}{
		{"and", a.And(b), "2-3"},
		{"or", a.Or(b), "1-4,700"},
		{"without", a.Without(b), "1,700"},
		{"neither operand changes", a, "1-3,700"},
	} {
		if c.got.String() != c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
	a.Remove(2)
	if got := slices.Collect(a.All()); !slices.Equal(got, []int{1, 3, 700}) || a.Len() != 3 {
		t.Errorf("got %v, length %d; want 1 3 700, length 3", got, a.Len())
	}
	for c := range a.All() {
		if c != 1 {
			t.Errorf("All went on after the loop ended: %d", c)
		}
		break
	}
	if a.Has(-1) || a.Has(MaxCPUs) || a.Empty() || !(Set{}).Empty() {
		t.Error("a CPU out of range is in the set, or emptiness is wrong")
	}
}

// FuzzParseSet: no text panics, and what is understood reads the same after it is written.
func FuzzParseSet(f *testing.F) {
	for _, text := range []string{"", "0-3,8", "1023", "0-1023", "7-3", "1,,2", strings.Repeat("9", 30)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSet(text)
		if err != nil {
			return
		}
		again, err := ParseSet(s.String())
		if err != nil || again != s {
			t.Errorf("%q: %v reads as %v, %v", text, s, again, err)
		}
		if s.Len() != len(slices.Collect(s.All())) {
			t.Errorf("%q: length %d, but %d CPUs", text, s.Len(), len(slices.Collect(s.All())))
		}
	})
}

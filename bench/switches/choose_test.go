package switches

import (
	"errors"
	"testing"

	"github.com/culvertdev/culvert/bench/contest"
)

func TestOneSwitchIsChosenByName(t *testing.T) {
	ours := &Culvert{Binary: "/dev/null"}
	gone := &Culvert{Binary: "/nowhere/culvert"}
	own := Own{Called: "mine"}
	for _, c := range []struct {
		name string
		want int
	}{{"", 2}, {"culvert", 1}, {"mine", 1}} {
		if got, err := Choose(c.name, ours, own); err != nil || len(got) != c.want || c.name != "" && got[0].Name() != c.name {
			t.Errorf("%q: got %v, %v", c.name, got, err)
		}
	}
	if got, err := Choose("mine", gone, own); err != nil || len(got) != 1 {
		t.Errorf("what is not asked for may be missing: got %v, %v", got, err)
	}
	if _, err := Choose("", gone, own); !errors.Is(err, contest.ErrCannot) {
		t.Errorf("one is missing: got %v, want %v", err, contest.ErrCannot)
	}
	if _, err := Choose("vpp", ours, own); err == nil || errors.Is(err, contest.ErrCannot) {
		t.Errorf("an unknown name: got %v, want an error about it", err)
	}
}

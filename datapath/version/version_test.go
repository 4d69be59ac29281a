package version

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// edited is a table of which each edition concerns the verdicts that have its bit among their tags.
type edited struct{ edition uint64 }

func (t *edited) Lookup(*rules.Query, *rules.Verdict) error { return nil }
func (t *edited) Changes(uint64, *rules.ChangeSet) uint64   { return 1 }
func (t *edited) Credit([]uint64, uint64, uint64, int64)    {}
func (t *edited) Edition() uint64                           { return t.edition }
func (t *edited) Revised(since uint64, v *rules.Verdict, _ *flow.Key) bool {
	return v.Tags&(1<<(t.edition+1)-1)&^(1<<(since+1)-1) != 0
}

// says returns a verdict of the edition there is, which is concerned by those named.
func (t *edited) says(by ...uint64) *rules.Verdict {
	v := &rules.Verdict{Edition: t.edition}
	for _, e := range by {
		v.Tags |= 1 << e
	}
	return v
}

// walk is a walk over the cache in which nothing changes.
func (b *Book) walk(tables ...*edited) {
	for _, t := range tables {
		b.Note(t, t.edition)
	}
	b.Begin()
	b.Settle()
}

func TestNumbersGoRound(t *testing.T) {
	for _, c := range []struct {
		n, m Number
		want bool
	}{{1, 1, true}, {1, 2, true}, {2, 1, false}, {1<<32 - 1, 3, true}, {3, 1<<32 - 1, false}} {
		if got := c.n.UpTo(c.m); got != c.want {
			t.Errorf("%d up to %d: %t", c.n, c.m, got)
		}
	}
	if Old(0, 1<<31) || Old(5, 1<<30+5) || !Old(5, 1<<30+6) || Old(1<<32-1, 5) {
		t.Error("a number is old when it is more than a quarter of all numbers behind")
	}
	b := Book{latest: 1<<32 - 1}
	if n := b.Note(&edited{edition: 1}, 1); n != 1 {
		t.Errorf("behind the last number comes %d, want 1", n)
	}
}

func TestABookKnowsEditionsByNumber(t *testing.T) {
	var b Book
	x, y := &edited{edition: 1}, &edited{edition: 7}
	b.walk(x, y)
	first := b.Settled()
	x.edition = 2
	second := b.Note(x, 2)
	if second == first || b.Note(x, 2) != second || b.Settled() != first {
		t.Fatalf("the first number is %d, the second %d", first, second)
	}
	for _, c := range []struct {
		t    *edited
		n    Number
		want uint64
	}{{x, first, 1}, {x, second, 2}, {y, first, 7}, {y, second, 7}} {
		if e, ok := b.Edition(c.t, c.n); !ok || e != c.want {
			t.Errorf("number %d names edition %d (%t), want %d", c.n, e, ok, c.want)
		}
	}
	if _, ok := b.Edition(&edited{}, second); ok {
		t.Error("a table that was never noted has an edition")
	}
	for e := uint64(3); e < 3+2*marksKept; e++ {
		b.Note(x, e)
	}
	if _, ok := b.Edition(x, second); ok {
		t.Error("an edition is known that was forgotten")
	}
	if e, ok := b.Edition(x, first); !ok || e != 1 {
		t.Errorf("the settled number names edition %d (%t), want 1", e, ok)
	}
}

func TestAVerdictStandsSinceTheLastChangeThatConcernsIt(t *testing.T) {
	var b Book
	x := &edited{edition: 1}
	b.walk(x)
	settled := b.Settled()
	x.edition = 2
	b.Note(x, 2)
	b.Begin()
	under := b.Walking()
	x.edition = 3
	for _, c := range []struct {
		name string
		v    *rules.Verdict
		want Number
	}{
		{"no change concerns it", x.says(1), settled},
		{"that of the walk concerns it", x.says(2), under},
		{"a later one concerns it", x.says(3), under + 1},
		{"the rules had no part in it", &rules.Verdict{}, settled},
	} {
		if got := b.Since(x, c.v, nil); got != c.want {
			t.Errorf("%s: since %d, want %d", c.name, got, c.want)
		}
		if got := b.Stood(x, settled, c.v, nil); got != (c.want == settled) {
			t.Errorf("%s: it stood before: %t", c.name, got)
		}
	}
}

func TestAJourneyMeetsWhatStandsInItsVersion(t *testing.T) {
	var j Journey
	j.Begin(3, 5, Step{Slot: 1}) // settled is 5: what is not later stands
	for n, want := range map[Number]bool{1: true, 5: true, 6: false} {
		if j.Meets(n) != want {
			t.Errorf("a packet of version 5 meets a flow of number %d: %t", n, !want)
		}
	}
	j.Begin(7, 5, Step{Slot: 2}) // ahead of 5: of others nobody knows
	for n, want := range map[Number]bool{5: false, 7: true, 8: false} {
		if j.Meets(n) != want {
			t.Errorf("a packet ahead of others meets a flow of number %d: %t", n, !want)
		}
	}
	for i := range 2 * maxSteps {
		j.Add(Step{Slot: 3, Life: uint32(i)})
	}
	if s := j.Steps(); len(s) != maxSteps || s[0].Slot != 2 || s[1].Slot != 3 {
		t.Errorf("steps are %v", s)
	}
	if j.Clear(); j.At() != 0 || len(j.Steps()) != 0 {
		t.Error("a journey that was cleared has met something")
	}
}

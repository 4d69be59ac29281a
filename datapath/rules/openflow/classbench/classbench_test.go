package classbench

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestSetsAreOfTheSizeAskedForAndReadable(t *testing.T) {
	for _, k := range Kinds() {
		rules := k.Rules(2000, 1)
		if len(rules) != 2000 || !slices.Equal(rules, k.Rules(2000, 1)) || slices.Equal(rules, k.Rules(2000, 2)) {
			t.Errorf("%s: %d rules, want 2000, the same ones for the same seed only", k.Name, len(rules))
		}
		g := rand.New(rand.NewPCG(1, 1))
		masks := make(map[flow.Mask]bool)
		for _, r := range rules {
			f, err := openflow.ParseFlow(r)
			if err != nil {
				t.Fatalf("%s: %s: %v", k.Name, r, err)
			}
			masks[f.Match.Mask] = true
			header, err := flow.ParseMatch(Header(r, g), flow.Names{})
			if err != nil {
				t.Fatalf("%s: %s: %v", k.Name, Header(r, g), err)
			}
			if !f.Match.Matches(&header.Key) {
				t.Errorf("%s: %s does not match %s", k.Name, r, header.String())
			}
		}
		if len(masks) < 60 {
			t.Errorf("%s: %d masks, want what makes a look-up work", k.Name, len(masks))
		}
	}
}

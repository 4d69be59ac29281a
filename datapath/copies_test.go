package datapath

import (
	"testing"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/ring/frame"
)

func TestAWholeBatchMayGoToAsManyEndsAsAnAnswerHas(t *testing.T) {
	if most := frame.MaxBatch * vtep.MaxEnds; maxClones < most {
		t.Errorf("a batch may have %d clones, and goes to %d ends", maxClones, most)
	}
}

package vteptest

import (
	"fmt"
	"testing"
	"time"
)

// A verdict is a test that notes that it has failed.
type verdict struct {
	testing.TB
	failed bool
}

func (v *verdict) Errorf(string, ...any) { v.failed = true }

func TestOneMoveOfManyHasToBeFollowedInTime(t *testing.T) {
	const within, slow = 50 * time.Millisecond, 300 * time.Millisecond
	for _, c := range []struct {
		quick, moves int // quick: the move that is followed in time, from 1
		failed       bool
	}{{1, 3, false}, {3, 3, false}, {6, 7, false}, {0, maxMoves, true}} {
		t.Run(fmt.Sprintf("the quick one is %d", c.quick), func(t *testing.T) {
			t.Parallel()
			v := &verdict{TB: t}
			var moves []string
			move := func(where string) func() {
				return func() {
					if moves = append(moves, where); len(moves) != c.quick {
						time.Sleep(slow)
					}
				}
			}
			followed(v, within, move("away"), move("back"))
			if v.failed != c.failed || len(moves) != c.moves || moves[len(moves)-1] != "away" || moves[1] != "back" {
				t.Errorf("failed: %v, after the moves %v", v.failed, moves)
			}
		})
	}
}

package vteptest

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A verdict is a test that notes that it has failed.
type verdict struct {
	testing.TB
	failed bool
}

func (v *verdict) Errorf(string, ...any) { v.failed = true }

// moves has a guest move, as slowly as it is told, and returns whether that passed and where the guest moved to.
func moves(t *testing.T, measure func(n int) (took, kept time.Duration)) (failed bool, where []string) {
	v := &verdict{TB: t}
	move := func(to string) func() { return func() { where = append(where, to) } }
	followed(v, time.Second, func(f func()) (took, kept time.Duration) {
		f()
		return measure(len(where))
	}, move("away"), move("back"))
	return v.failed, where
}

func TestOneMoveOfManyHasToBeFollowedInTime(t *testing.T) {
	for _, c := range []struct {
		quick, moves int // quick: the move that is followed in time, from 1
		failed       bool
	}{{1, 3, false}, {3, 3, false}, {6, 7, false}, {0, maxMoves, true}} {
		t.Run(fmt.Sprintf("the quick one is %d", c.quick), func(t *testing.T) {
			failed, where := moves(t, func(n int) (took, kept time.Duration) {
				if n == c.quick {
					return time.Second - 1, 0
				}
				return time.Second, 0
			})
			want := slices.Repeat([]string{"away", "back"}, maxMoves)[:c.moves]
			if failed != c.failed || !slices.Equal(where, want) {
				t.Errorf("failed: %v, after the moves %v", failed, where)
			}
		})
	}
}

func TestABusyMachineExcusesNoMoreThanHalfOfAMove(t *testing.T) {
	for _, c := range []struct {
		took, kept time.Duration
		failed     bool
	}{
		{1500 * time.Millisecond, 600 * time.Millisecond, false},
		{1500 * time.Millisecond, 400 * time.Millisecond, true},
		{5 * time.Second, 4900 * time.Millisecond, true},
	} {
		if failed, _ := moves(t, func(int) (took, kept time.Duration) { return c.took, c.kept }); failed != c.failed {
			t.Errorf("%v, of which %v without a processor: failed %v", c.took, c.kept, failed)
		}
	}
}

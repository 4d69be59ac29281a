package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

// A schedule works off the turns of a run.
type schedule struct {
	o       *Options
	book    *result.Book
	turns   []turn
	measure func(ctx context.Context, sw switches.Switch, at Cell) (sample, error) // a window of a fresh switch
	match   func(ctx context.Context, t turn) ([]sample, error)                    // the windows of a cell in turns
	now     func() time.Time
	watch   watcher

	begun   time.Time
	planned time.Duration         // that the windows measured so far were to take
	done    int                   // windows measured
	once    time.Duration         // that they took, without those that were measured again
	round   int                   // that is being measured
	rest    map[int]time.Duration // by round: that what is not measured yet is to take
}

// A watcher is told how far it is; [report.Progress] is one.
type watcher interface {
	io.Writer
	Begin(what string)
	Done()
	Skip()
}

// fits is an error when the book has windows of somebody who takes no part now, in a cell in turns that is to be measured anew as a whole: they would be lost.
func (s *schedule) fits() error {
	for _, t := range s.turns {
		at := s.book.Index(t.Cell.String())
		if t.groups == 0 || at < 0 || s.missing(t) == 0 {
			continue
		}
		for _, w := range s.book.Rows[at].Windows {
			if w.Round == t.round && !slices.ContainsFunc(t.switches, func(sw switches.Switch) bool { return sw.Name() == w.Contender }) {
				return fmt.Errorf("the run has windows of %s in the row %q, and %s takes no part now: resume it with all who took part, or take another folder", w.Contender, t.Cell, w.Contender)
			}
		}
	}
	return nil
}

// steps is how many windows of fresh switches and cells in turns there are.
func (s *schedule) steps() (n int) {
	for _, t := range s.turns {
		if t.groups > 0 {
			n++
		} else {
			n += len(t.switches)
		}
	}
	return n
}

// run measures all windows that the book does not have yet, in order. A window that fails is told of and left out; when it is run again with
// the same book it is tried anew. A cell that would end too late is left out as a whole, and no window begins when time is up.
func (s *schedule) run(ctx context.Context) error {
	s.begun, s.rest = s.now(), make(map[int]time.Duration)
	for _, t := range s.turns {
		s.rest[t.round] += s.left(t)
	}
	var failed, late int
	for _, t := range s.turns {
		s.round = t.round
		if left := s.left(t); left > 0 && s.o.Budget > 0 && s.spent()+s.paced(left) > s.o.Budget {
			late++
			continue
		}
		do := s.cell
		if t.groups > 0 {
			do = s.inTurns
		}
		n, err := do(ctx, t)
		if err != nil {
			return err
		}
		failed += n
	}
	if late > 0 || s.late() {
		fmt.Fprintf(s.watch, "time is up: %d of %d cells were not begun; the same command goes on with --resume\n", late, len(s.turns))
	}
	fmt.Fprintf(s.watch, "%d windows took %v, and were to take %v\n", s.done, s.spent().Round(time.Second), s.planned.Round(time.Second))
	if failed > 0 {
		return fmt.Errorf("%d windows could not be measured: see above", failed)
	}
	return nil
}

func (s *schedule) spent() time.Duration { return s.now().Sub(s.begun) }

// late reports whether time is up.
func (s *schedule) late() bool { return s.o.Budget > 0 && s.spent() >= s.o.Budget }

// short reports whether there is no time to wait until others leave the CPUs alone, or to measure a window again that they disturbed: what is
// left to measure of the round comes first. Further rounds do not: windows that say something are better than more of them.
func (s *schedule) short() bool { return s.o.Budget > 0 && s.spent()+s.rest[s.round] >= s.o.Budget }

// paced is how long that takes which is planned to take d, by how it went so far on a machine that is slower than planned.
func (s *schedule) paced(d time.Duration) time.Duration {
	if s.planned == 0 {
		return d
	}
	return time.Duration(float64(d) * max(1, float64(s.once)/float64(s.planned)))
}

// left is about how long what the book does not have of a turn takes. A cell in turns is measured as a whole or not at all.
func (s *schedule) left(t turn) time.Duration {
	missing := s.missing(t)
	if missing > 0 && t.groups > 0 {
		return s.o.takes(t)
	}
	return s.o.takes(t) / time.Duration(len(t.switches)) * time.Duration(missing)
}

// missing is how many windows the book does not have.
func (s *schedule) missing(t turn) (n int) {
	for i := range t.windows() {
		if !s.book.Has(t.Cell.String(), t.switches[i%len(t.switches)].Name(), t.round, i) {
			n++
		}
	}
	return n
}

// cell has the switches of a cell take their turns, but for what the book has, and returns how many windows failed.
func (s *schedule) cell(ctx context.Context, t turn) (failed int, err error) {
	for i, sw := range t.switches {
		if s.book.Has(t.Cell.String(), sw.Name(), t.round, i) {
			s.watch.Skip()
			continue
		}
		if s.late() {
			break
		}
		s.watch.Begin(fmt.Sprintf("%s: %s, round %d", t.Cell, sw.Name(), t.round))
		begun, plan := s.now(), s.o.takes(t)/time.Duration(len(t.switches))
		w, err := s.measure(ctx, sw, t.Cell)
		if ctx.Err() != nil {
			return failed, fmt.Errorf("broken off at %s, %s, round %d: %w", t.Cell, sw.Name(), t.round, ctx.Err())
		}
		s.watch.Done()
		s.planned, s.done = s.planned+plan, s.done+1
		s.rest[t.round] -= plan
		s.once += s.now().Sub(begun) - w.Before
		if err == nil {
			w.Round, w.Turn = t.round, i
			w.print(s.watch)
			err = s.book.Add(w.row(), w.result())
		}
		if err != nil {
			failed++
			fmt.Fprintf(s.watch, "%s  %s, round %d: FAILED: %v\n", t.Cell, sw.Name(), t.round, err)
		}
	}
	return failed, nil
}

// inTurns has the switches of a cell take their turns beside each other, unless the book has all windows, and returns how many could not be measured. What
// the book has of such a cell goes: neighbours are to be compared, and those of another time are none.
func (s *schedule) inTurns(ctx context.Context, t turn) (failed int, err error) {
	if s.missing(t) == 0 {
		s.watch.Skip()
		return 0, nil
	}
	if s.late() {
		return 0, nil
	}
	s.watch.Begin(fmt.Sprintf("%s: %s in turns, round %d", t.Cell, t.names(), t.round))
	begun, plan := s.now(), s.o.takes(t)
	list, err := s.match(ctx, t)
	if ctx.Err() != nil {
		return 0, fmt.Errorf("broken off at %s, round %d: %w", t.Cell, t.round, ctx.Err())
	}
	s.watch.Done()
	s.planned, s.done = s.planned+plan, s.done+len(list)
	s.rest[t.round] -= plan
	s.once += s.now().Sub(begun)
	s.book.Forget(t.Cell.String(), t.round)
	for _, sw := range t.contenders() {
		mine := slices.DeleteFunc(slices.Clone(list), func(w sample) bool { return w.Contender != sw.Name() })
		if len(mine) == 0 {
			continue
		}
		printAll(s.watch, mine)
		err = errors.Join(err, s.keep(mine))
		s.once -= mine[0].Before
	}
	if err != nil {
		fmt.Fprintf(s.watch, "%s  round %d: FAILED: %v\n", t.Cell, t.round, err)
		return max(1, s.missing(t)), nil
	}
	return s.missing(t), nil
}

// keep puts windows of one row and contender into the book.
func (s *schedule) keep(list []sample) error {
	var windows []result.Window
	for i := range list {
		windows = append(windows, list[i].result())
	}
	return s.book.Add(list[0].row(), windows...)
}

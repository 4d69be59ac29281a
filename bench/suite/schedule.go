package suite

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

// A schedule works off the turns of a run.
type schedule struct {
	o       *Options
	book    *result.Book
	turns   []turn
	measure func(ctx context.Context, sw switches.Switch, at Cell) (sample, error)
	now     func() time.Time
	watch   watcher

	begun   time.Time
	planned time.Duration // that the windows measured so far were to take
	done    int           // windows measured
	once    time.Duration // that they took, without those that were measured again
	rest    time.Duration // that what is not measured yet is to take
}

// A watcher is told how far it is; [report.Progress] is one.
type watcher interface {
	io.Writer
	Begin(what string)
	Done()
	Skip()
}

// windows is how many windows there are.
func (s *schedule) windows() (n int) {
	for _, t := range s.turns {
		n += len(t.switches)
	}
	return n
}

// run measures all windows that the book does not have yet, in order. A window that fails is told of and left out; when it is run again with
// the same book it is tried anew. A cell that would end too late is left out as a whole, and no window begins when time is up.
func (s *schedule) run(ctx context.Context) error {
	s.begun = s.now()
	for _, t := range s.turns {
		s.rest += s.left(t)
	}
	var failed, late int
	for _, t := range s.turns {
		if left := s.left(t); left > 0 && s.o.Budget > 0 && s.spent()+s.paced(left) > s.o.Budget {
			late++
			continue
		}
		n, err := s.cell(ctx, t)
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
// left to measure comes first.
func (s *schedule) short() bool { return s.o.Budget > 0 && s.spent()+s.rest >= s.o.Budget }

// paced is how long that takes which is planned to take d, by how it went so far on a machine that is slower than planned.
func (s *schedule) paced(d time.Duration) time.Duration {
	if s.planned == 0 {
		return d
	}
	return time.Duration(float64(d) * max(1, float64(s.once)/float64(s.planned)))
}

// left is about how long what the book does not have of a turn takes.
func (s *schedule) left(t turn) time.Duration {
	missing := 0
	for i, sw := range t.switches {
		if !s.book.Has(t.Cell.String(), sw.Name(), t.round, i) {
			missing++
		}
	}
	return s.o.takes(t) / time.Duration(len(t.switches)) * time.Duration(missing)
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
		s.planned, s.rest, s.done = s.planned+plan, s.rest-plan, s.done+1
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

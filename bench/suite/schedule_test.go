package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

// A log keeps what a schedule says.
type log struct {
	strings.Builder
	begun         []string
	done, skipped int
}

func (l *log) Begin(what string) { l.begun = append(l.begun, what) }
func (l *log) Done()             { l.done++ }
func (l *log) Skip()             { l.skipped++ }

// planned is a schedule of two rows and two rounds, with windows that take a second of a clock that stands otherwise.
func planned(t *testing.T, file string, budget time.Duration) (*schedule, *log) {
	t.Helper()
	o := &Options{Rings: []string{"split"}, Sizes: []int{64}, Rows: []string{"port", "ip-1"}, Rounds: 4, Budget: budget, Warm: time.Second, Window: time.Second}
	cells, err := o.cells(Rows())
	if err != nil {
		t.Fatal(err)
	}
	book, err := result.Open(file, o.run(nil, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	l, now := new(log), time.Unix(1e9, 0)
	return &schedule{
		o: o, book: book, turns: o.turns(cells, []switches.Switch{named("culvert"), named("ovs")}), watch: l, now: func() time.Time { return now },
		measure: func(_ context.Context, sw switches.Switch, at Cell) (sample, error) {
			now = now.Add(10 * time.Second)
			return sampleOf(at, sw.Name(), 0, 1, 70, 70, 0), nil
		},
	}, l
}

func TestARunGoesOnWhereItWasBrokenOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	s, l := planned(t, file, 0)
	ctx, cancel := context.WithCancel(t.Context())
	whole := s.measure
	n := 0
	s.measure = func(c context.Context, sw switches.Switch, at Cell) (sample, error) {
		if n++; n == 6 {
			cancel()
			return sample{}, errors.New("killed")
		}
		return whole(c, sw, at)
	}
	if err := s.run(ctx); !errors.Is(err, context.Canceled) || l.done != 5 {
		t.Fatalf("got %v after %d windows", err, l.done)
	}
	s, l = planned(t, file, 0)
	if err := s.run(t.Context()); err != nil || l.done != 11 || l.skipped != 5 {
		t.Errorf("got %v, %d windows more and %d that were there", err, l.done, l.skipped)
	}
	if want := "split, 64 bytes, rules on IP, 1 flow: ovs, round 1"; l.begun[0] != want {
		t.Errorf("it goes on with %s, want %s", l.begun[0], want)
	}
	for _, row := range s.book.Rows {
		if len(row.Windows) != 8 {
			t.Errorf("%s has %d windows, want 8", row.Name, len(row.Windows))
		}
	}
}

func TestWhatDoesNotFitIntoTheTimeIsNotBegun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	s, l := planned(t, file, 95*time.Second) // two cells of 40 s each
	if err := s.run(t.Context()); err != nil || l.done != 8 {
		t.Errorf("got %v after %d windows, want 8", err, l.done)
	}
	if want := "time is up: 2 of 4 cells were not begun"; !strings.Contains(l.String(), want) {
		t.Errorf("it says %q, want %q", l.String(), want)
	}
	s, l = planned(t, file, 95*time.Second)
	if err := s.run(t.Context()); err != nil || l.done != 8 || strings.Contains(l.String(), "time is up") {
		t.Errorf("what is there takes no time: got %v after %d windows: %s", err, l.done, l.String())
	}
}

// Windows that others disturb take longer than planned: what comes is judged by that, and what has begun ends when time is up.
func TestTimeIsKeptWhereWindowsTakeLonger(t *testing.T) {
	s, l := planned(t, "", 200*time.Second)
	whole := s.measure
	s.measure = func(c context.Context, sw switches.Switch, at Cell) (sample, error) {
		for range 2 { // three times as long in all
			if _, err := whole(c, sw, at); err != nil {
				return sample{}, err
			}
		}
		return whole(c, sw, at)
	}
	if err := s.run(t.Context()); err != nil || l.done != 4 || !strings.Contains(l.String(), "3 of 4 cells were not begun") {
		t.Errorf("got %v after %d windows: %s", err, l.done, l.String())
	}
	s, l = planned(t, "", 45*time.Second)
	whole = s.measure
	s.measure = func(c context.Context, sw switches.Switch, at Cell) (sample, error) {
		w, err := whole(c, sw, at)
		_, again := whole(c, sw, at)
		return w, errors.Join(err, again)
	}
	if err := s.run(t.Context()); err != nil || l.done != 3 || s.spent() != time.Minute {
		t.Errorf("a cell that takes longer than planned ended after %d windows and %v, %v", l.done, s.spent(), err)
	}
}

// More rounds than fit are no reason to take windows that others disturb in those that do.
func TestOnlyWhatIsLeftOfTheRoundMakesTimeShort(t *testing.T) {
	s, _ := planned(t, "", 95*time.Second)
	var short []bool
	whole := s.measure
	s.measure = func(c context.Context, sw switches.Switch, at Cell) (sample, error) {
		short = append(short, s.short())
		return whole(c, sw, at)
	}
	var all time.Duration
	for _, c := range s.turns {
		all += s.o.takes(c)
	}
	if err := s.run(t.Context()); err != nil || all < s.o.Budget || len(short) != 8 || slices.Contains(short, true) {
		t.Errorf("got %v; with %v to do in %v time was short: %v", err, all, s.o.Budget, short)
	}
	s, l := planned(t, "", 50*time.Second) // less than a round
	if err := s.run(t.Context()); err != nil || !s.short() {
		t.Errorf("got %v; time is not short after %v: %s", err, s.spent(), l.String())
	}
}

func TestAWindowThatFailsIsTriedAgainInTheNextRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	s, l := planned(t, file, 0)
	whole := s.measure
	s.measure = func(c context.Context, sw switches.Switch, at Cell) (sample, error) {
		if sw.Name() == "ovs" && at.Row.ID == "port" {
			return sample{}, fmt.Errorf("no hugepages")
		}
		return whole(c, sw, at)
	}
	err := s.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "4 windows") || !strings.Contains(l.String(), "FAILED: no hugepages") || l.done != 16 {
		t.Errorf("got %v: %s", err, l.String())
	}
	s, l = planned(t, file, 0)
	if err := s.run(t.Context()); err != nil || l.done != 4 || l.skipped != 12 {
		t.Errorf("got %v after %d windows", err, l.done)
	}
}

func TestAWindowThatCannotBeKeptIsOneThatFailed(t *testing.T) {
	s, l := planned(t, "", 0)
	whole := s.measure
	s.measure = func(c context.Context, sw switches.Switch, at Cell) (sample, error) {
		w, err := whole(c, sw, at)
		if sw.Name() == "ovs" && at.Row.ID == "port" {
			w.Figures = map[string]float64{measureRate: -1}
		}
		return w, err
	}
	if err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), "4 windows") || l.done != 16 {
		t.Errorf("got %v after %d windows: %s", err, l.done, l.String())
	}
}

// beside is the same with rows in turns: four windows of each contender in a round, in 20 s.
func beside(t *testing.T, file string, budget time.Duration) (*schedule, *log) {
	t.Helper()
	s, l := planned(t, file, budget)
	s.o.Rounds, s.o.Turns, s.o.Turn, s.o.Settle = 2, 4, time.Second, time.Second
	cells, err := s.o.cells(Rows())
	if err != nil {
		t.Fatal(err)
	}
	s.turns = s.o.turns(cells, []switches.Switch{named("culvert"), named("ovs")})
	now := s.now()
	s.now = func() time.Time { return now }
	s.match = func(_ context.Context, at turn) (list []sample, err error) {
		now = now.Add(20 * time.Second)
		for i := range at.windows() {
			w := sampleOf(at.Cell, at.switches[i%len(at.switches)].Name(), i, 1, 70, 70, 0)
			w.Round, w.Beside = at.round, true
			list = append(list, w)
		}
		return list, nil
	}
	return s, l
}

// windowsOf counts the windows of the book.
func windowsOf(s *schedule) (n int) {
	for _, row := range s.book.Rows {
		n += len(row.Windows)
	}
	return n
}

func TestACellInTurnsIsKeptAsAWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	s, l := beside(t, file, 0)
	ctx, cancel := context.WithCancel(t.Context())
	whole, n := s.match, 0
	s.match = func(c context.Context, at turn) ([]sample, error) {
		list, err := whole(c, at)
		if n++; n == 3 {
			cancel()
		}
		return list, err
	}
	if err := s.run(ctx); !errors.Is(err, context.Canceled) || l.done != 2 || windowsOf(s) != 16 {
		t.Fatalf("broken off in the third cell: got %v, %d cells, %d windows", err, l.done, windowsOf(s))
	}
	s, l = beside(t, file, 0)
	if err := s.run(t.Context()); err != nil || l.done != 2 || l.skipped != 2 || windowsOf(s) != 32 || s.steps() != 4 {
		t.Errorf("got %v, %d cells more and %d that were there, %d windows", err, l.done, l.skipped, windowsOf(s))
	}
}

func TestACellInTurnsWhereSomebodyFailedIsMeasuredAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	s, l := beside(t, file, 0)
	whole := s.match
	s.match = func(c context.Context, at turn) ([]sample, error) {
		list, err := whole(c, at)
		if at.Row.ID == "port" && at.round == 2 {
			return slices.DeleteFunc(list, func(w sample) bool { return w.Contender == "ovs" }), errors.New("ovs: no hugepages")
		}
		return list, err
	}
	err := s.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "4 windows") || !strings.Contains(l.String(), "FAILED: ovs: no hugepages") || windowsOf(s) != 28 {
		t.Errorf("got %v, %d windows: %s", err, windowsOf(s), l.String())
	}
	s, l = beside(t, file, 0)
	s.match = func(c context.Context, at turn) ([]sample, error) {
		list, err := whole(c, at)
		for i := range list {
			list[i].Figures = map[string]float64{measureRate: 2e6}
		}
		return list, err
	}
	if err := s.run(t.Context()); err != nil || l.done != 1 || l.skipped != 3 || windowsOf(s) != 32 {
		t.Errorf("got %v, %d cells more, %d windows", err, l.done, windowsOf(s))
	}
	n := 0
	for _, w := range s.book.Rows[0].Windows {
		if w.Figures[measureRate] == 2e6 {
			n++
		}
	}
	if n != 8 {
		t.Errorf("%d windows are of the second run, want all 8 of the cell: neighbours alone are to be compared", n)
	}
}

func TestACellInTurnsThatDoesNotFitIsNotBegun(t *testing.T) {
	s, l := beside(t, "", 40*time.Second)
	if err := s.run(t.Context()); err != nil || l.done != 1 || !strings.Contains(l.String(), "3 of 4 cells were not begun") {
		t.Errorf("got %v after %d cells: %s", err, l.done, l.String())
	}
}

package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
)

// Options say how to run the soak.
type Options struct {
	Out    io.Writer     // progress and verdict
	Binary string        // culvert, to be run as the daemon; default: this program
	Time   time.Duration // of traffic and churn; at least 10 s
	Seed   uint64        // of the churn and the mix; 0: a different one each time
	Report string        // path of a file for the report, as JSON; default none
	Log    string        // path of a file for the daemon's log; default none
}

// What can become of a soak. The output has told what there is to know.
var (
	ErrWrong  = errors.New("soak: not all went well")
	ErrBroken = errors.New("soak: broken off")
)

const (
	leastTime     = 10 * time.Second
	shortestRound = 10 * time.Second // from one quiet moment to the next
	longestRound  = time.Minute
)

// Run runs the soak and returns nil when all went well. SIGINT, SIGTERM and SIGHUP end it, and it cleans
// up first.
func Run(ctx context.Context, o Options) error {
	if o.Time < leastTime {
		return fmt.Errorf("soak: time %s: want at least %s", o.Time, leastTime)
	}
	if o.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		o.Binary = self
	}
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	if lacks := lab.Missing(); len(lacks) > 0 {
		for _, l := range lacks {
			fmt.Fprintf(o.Out, "missing: %s\n", l)
		}
		return fmt.Errorf("%w: it needs what is missing", ErrBroken)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	s := &soak{o: o}
	return s.run(ctx)
}

// A soak is one run.
type soak struct {
	o      Options
	net    network
	fails  journal
	epochs epochs
	mix    mix
	churn  *churn
	watch  *watcher
	quiet  *reading // at the last quiet moment
	report Report
}

func (s *soak) run(ctx context.Context) error {
	start := time.Now()
	s.fails.start = start
	s.fails.tell = func(f Failure) {
		fmt.Fprintf(s.o.Out, "FAILURE after %.1f s:\n%s\n", f.Seconds, indent(f.What))
	}
	fmt.Fprintf(s.o.Out, "soak for %s, seed %d\n", s.o.Time, s.o.Seed)
	err := s.net.build(ctx, s.o.Binary)
	if err == nil {
		err = s.work(ctx, start)
	}
	interrupted := ctx.Err() != nil
	if closeErr := s.net.close(s.o.Log); closeErr != nil && err == nil {
		s.fails.add("%v", closeErr)
	} else if closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	if interrupted {
		err = errors.New("interrupted")
	}
	return s.end(err, time.Since(start))
}

// work is what happens while the daemon runs. Its error is one of the soak's own.
func (s *soak) work(ctx context.Context, start time.Time) error {
	s.mix = mix{net: &s.net, fails: &s.fails}
	s.churn = newChurn(&s.net, s.o.Seed, &s.fails, &s.epochs)
	if err := s.churn.way.Connect(ctx); err != nil {
		return err
	}
	defer s.churn.way.Disconnect()
	every := min(5*time.Second, s.o.Time/20)
	shown := 0
	s.watch = &watcher{
		net: &s.net, fails: &s.fails, epochs: &s.epochs, start: start,
		churn: func() int { return int(s.churn.steps.all()["steps"]) },
		show: func(sample Sample) {
			if shown++; shown%4 == 1 {
				fmt.Fprintln(s.o.Out, sample.line(s.fails.count()))
			}
		},
	}
	if _, missing := s.churn.reach(ctx); missing != nil {
		return fmt.Errorf("before anything was changed, not reached: %s\n%s", strings.Join(missing, ", "), s.churn.evidence(ctx))
	}
	if err := s.compare(ctx); err != nil {
		return err
	}
	s.report.First = s.report.Quiet[0]
	if err := s.rounds(ctx, every); err != nil {
		return err
	}
	return s.settle(ctx)
}

// rounds runs mix, churn and samples, with a quiet moment after each round, until the time is over.
func (s *soak) rounds(ctx context.Context, every time.Duration) error {
	all, stop := context.WithTimeout(ctx, s.o.Time)
	defer stop()
	s.mix.start(all, s.o.Seed)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch.run(all, every)
	}()
	defer func() { stop(); s.mix.wg.Wait(); <-watched }()
	length := min(longestRound, max(shortestRound, s.o.Time/16))
	for n := 1; all.Err() == nil; n++ {
		round, end := context.WithTimeout(all, length)
		for round.Err() == nil {
			// In every third round no port is removed, so that sums over ports can be compared.
			s.churn.step(all, n%3 == 0)
			pause(round, between(s.churn.r, 200*time.Millisecond, 2*time.Second))
			select {
			case <-s.net.daemon.Ended():
				end()
				return fmt.Errorf("the daemon ended by itself\n%s", s.net.daemon.LogTail(8000))
			default:
			}
		}
		end()
		if all.Err() != nil {
			break
		}
		s.mix.gate.shut()
		err := s.compare(all)
		s.mix.gate.open()
		if err != nil && all.Err() == nil {
			return err
		}
	}
	return nil
}

// settle brings everything back to how it was, and compares.
func (s *soak) settle(ctx context.Context) error {
	if err := s.churn.restore(ctx); err != nil {
		return fmt.Errorf("restore the beginning: %w", err)
	}
	if err := s.net.waitOpen(ctx); err != nil {
		s.fails.add("at the end: %v\n%s", err, s.churn.evidence(ctx))
	}
	if _, missing := s.churn.reach(ctx); missing != nil {
		s.fails.add("at the end, not reached: %s\n%s", strings.Join(missing, ", "), s.churn.evidence(ctx))
	}
	if err := s.compare(ctx); err != nil {
		return err
	}
	// What is being closed may take a moment.
	for end := time.Now().Add(recovery); ; pause(ctx, 500*time.Millisecond) {
		last, _, err := s.watch.take(ctx)
		if err != nil {
			return err
		}
		wrong := leaks(s.report.First, last)
		if s.report.Last = last; len(wrong) == 0 {
			break
		}
		if time.Now().After(end) {
			for _, w := range wrong {
				s.fails.add("%s", w)
			}
			break
		}
	}
	s.report.Trends = trends(s.report.Quiet)
	for _, t := range s.report.Trends {
		if !t.flat() {
			s.fails.add("%s grew: median of the second quarter %s, of the last %s, allowed %s", t.What, amount(t.Second), amount(t.Last), amount(t.Bound))
		}
	}
	return nil
}

// compare waits until the counters stand still, twice the same, and compares them.
func (s *soak) compare(ctx context.Context) error {
	var last reading
	for end := time.Now().Add(2 * recovery); ; pause(ctx, 300*time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := s.net.read(ctx, &s.epochs)
		if err != nil {
			return err
		}
		if still(last, r) {
			for _, what := range imbalances(s.quiet, r) {
				s.fails.add("at a quiet moment: %s", what)
			}
			s.quiet = &r
			return s.weigh(ctx)
		}
		if time.Now().After(end) {
			s.fails.add("without traffic the counters did not stand still for %s", 2*recovery)
			return s.weigh(ctx)
		}
		last = r
	}
}

// weigh takes a sample of what lives.
func (s *soak) weigh(ctx context.Context) error {
	if err := s.churn.applyAgain(ctx); err != nil {
		s.fails.add("at a quiet moment: %v", err)
	}
	sample, _, err := s.watch.take(ctx)
	if err == nil {
		s.report.Quiet = append(s.report.Quiet, sample)
	}
	return err
}

// still reports whether nothing was received or sent between two readings.
func still(a, b reading) bool {
	return a.Ports != nil && a.Stats.Packets == b.Stats.Packets && taken(a) == taken(b) &&
		a.Sum("rx_packets") == b.Sum("rx_packets") && a.Sum("tx_packets") == b.Sum("tx_packets")
}

// end says in one line how it went.
func (s *soak) end(err error, took time.Duration) error {
	r := &s.report
	r.Seed, r.Seconds, r.Traffic = s.o.Seed, took.Seconds(), s.mix.sent.all()
	r.Failures, r.Failed = s.fails.all(), s.fails.count()
	result := error(nil)
	switch {
	case err != nil:
		r.Verdict, result = fmt.Sprintf("broken off: %v", err), ErrBroken
	case r.Failed > 0:
		r.Verdict, result = fmt.Sprintf("not all went well: %d failures", r.Failed), ErrWrong
	default:
		r.Verdict = "all went well"
	}
	if s.churn != nil {
		for _, t := range s.churn.tried {
			r.Steps = append(r.Steps, *t)
		}
		slices.SortFunc(r.Steps, func(a, b Tried) int { return strings.Compare(a.Step, b.Step) })
	}
	if s.watch != nil {
		r.Samples = s.watch.samples
	}
	r.print(s.o.Out)
	if s.o.Report != "" {
		if err := r.write(s.o.Report); err != nil {
			fmt.Fprintf(s.o.Out, "soak: write report: %v\n", err)
			result = ErrBroken
		}
	}
	fmt.Fprintf(s.o.Out, "soak: %s, in %s\n", r.Verdict, took.Round(time.Second))
	return result
}

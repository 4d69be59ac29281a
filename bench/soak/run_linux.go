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
	sampleEvery   = 5 * time.Second
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
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	// An error of ours does not make one of the daemon's less of a failure.
	if closeErr := s.net.close(s.o.Log); closeErr != nil {
		s.fails.add("%v", closeErr)
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
	s.watch = &watcher{net: &s.net, fails: &s.fails, epochs: &s.epochs, steps: &s.churn.steps, start: start, out: s.o.Out}
	if _, missing := s.churn.reach(ctx); missing != nil {
		s.fails.add("%s", s.churn.evidence(ctx))
		return fmt.Errorf("before anything was changed, not reached: %s", strings.Join(missing, ", "))
	}
	if err := s.compare(ctx); err != nil {
		return err
	}
	s.report.First = s.report.Quiet[0]
	if err := s.rounds(ctx); err != nil {
		return err
	}
	return s.settle(ctx)
}

// rounds runs mix, churn and samples, with a quiet moment after each round, until the time is over.
func (s *soak) rounds(ctx context.Context) error {
	all, stop := context.WithTimeout(ctx, s.o.Time)
	defer stop()
	s.mix.start(all, s.o.Seed)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch.run(all, min(sampleEvery, s.o.Time/20))
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
				s.fails.add("the end of the daemon's log:\n%s", s.net.daemon.LogTail(8000))
				return errors.New("the daemon ended by itself")
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
	return ctx.Err()
}

// end says in one line how it went.
func (s *soak) end(err error, took time.Duration) error {
	r := &s.report
	r.Seed, r.Seconds, r.Traffic = s.o.Seed, took.Seconds(), s.mix.sent.all()
	r.Failures, r.Failed = s.fails.all(), s.fails.count()
	result := error(nil)
	switch {
	case err != nil:
		r.Verdict, result = fmt.Sprintf("broken off: %v, %d failures", err, r.Failed), ErrBroken
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

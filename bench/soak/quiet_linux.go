package soak

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"
)

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
			found := balanced(s.quiet, r)
			for _, what := range found.wrong {
				s.fails.add("at a quiet moment: %s", what)
			}
			s.report.Sums += found.compared
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
		a.Sum("rx_packets") == b.Sum("rx_packets") && a.Sum("tx_packets") == b.Sum("tx_packets") && maps.Equal(a.counts, b.counts)
}

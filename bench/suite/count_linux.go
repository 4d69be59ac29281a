package suite

import (
	"context"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// busyEnough is the share of its time that a switch is busy, by its own count, when it is the limit: what it lacks to 1 is
// the time between two packets. Below it the switch waits for packets, so it is the generator, who has the other end of
// the rings, that limits the rate.
const busyEnough = 0.9

// A look is what there was to see at one time.
type look struct {
	when              time.Time
	received, offered uint64
	threads           map[string]machine.Spent
}

// count counts packets for so long. counted says how many the generator has received, and offered if it knows.
func (s *Stand) count(ctx context.Context, window time.Duration, counted func() (received, offered uint64, err error)) (f Found, err error) {
	if err := s.Switch.Clear(ctx); err != nil {
		return f, err
	}
	before, err := s.look(counted)
	if err != nil {
		return f, err
	}
	if err := pause(ctx, window); err != nil {
		return f, err
	}
	after, err := s.look(counted)
	if err != nil {
		return f, err
	}
	a, err := f.account(ctx, s)
	if err != nil {
		return f, err
	}
	seconds := after.when.Sub(before.when).Seconds()
	received := float64(after.received - before.received)
	rate := received / seconds
	f.Figures = map[string]float64{measureRate: rate}
	if offered := after.offered - before.offered; offered > 0 {
		f.Figures[measureOffered] = float64(offered) / seconds
	}
	if s.Switch.PID() > 0 {
		spent := machine.Busiest(before.threads, after.threads)
		f.Waited = spent.Waited.Seconds() / seconds
		f.Figures[measureCPU] = float64(spent.Used().Nanoseconds()) / max(received, 1)
	}
	if a.Cycles > 0 {
		f.Figures[measureCycles] = a.Cycles
	}
	f.Limited = limited(a.Cycles, rate, cpu.NewClock().Frequency())
	if s.Options.Perf {
		f.Stages, err = s.profile(ctx, rate)
	}
	return f, err
}

// limited reports whether the generator was the limit, of a switch that took so many cycles a packet while it was busy. Of one that does not
// say it is not known to have been the switch.
func limited(cycles, rate, hertz float64) bool { return cycles*rate < busyEnough*hertz }

func (s *Stand) look(counted func() (received, offered uint64, err error)) (l look, err error) {
	if l.received, l.offered, err = counted(); err != nil {
		return l, err
	}
	l.when = time.Now()
	if pid := s.Switch.PID(); pid > 0 {
		l.threads, err = machine.Threads(pid)
	}
	return l, err
}

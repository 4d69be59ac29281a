package suite

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/culvertdev/culvert/bench/prober"
	"github.com/culvertdev/culvert/bench/result"
)

// probe sees to it that it is the rules that move packets, and has guests of this process measure how long single packets take, at a rate at which a switch has next to nothing to do.
func probe(ctx context.Context, s *Stand) (Driver, error) {
	p, err := prober.New(s.Sockets(), s.Rings == "split", s.Size-4)
	if err != nil {
		return nil, err
	}
	if err := p.Effect(ctx, s.forward(ctx), s.Row.Rules); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &probing{p, s}, nil
}

// probing are guests of this process, who send in their turns alone.
type probing struct {
	*prober.Prober
	s *Stand
}

func (*probing) PID() int { return 0 }

func (p *probing) Turn(ctx context.Context, warm, window time.Duration) (f Found, err error) {
	s := p.s
	if _, err := p.Probe(ctx, s.Options.Rate, warm, nil); err != nil {
		return f, err
	}
	if err := s.Switch.Clear(ctx); err != nil {
		return f, err
	}
	watch, done, err := s.watchPauses()
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, done()) }()
	times, err := p.Probe(ctx, s.Options.Rate, window, watch.packet)
	if err != nil {
		return f, err
	}
	if f.Figures, err = watch.figures(); err != nil {
		return f, err
	}
	slices.Sort(times)
	for _, percent := range []float64{50, 90, 99, 99.9, 99.99, 100} {
		f.Latency = append(f.Latency, result.Percentile{Percent: percent, Ns: float64(times[int(float64(len(times)-1)*percent/100)])})
	}
	_, err = f.account(ctx, s)
	return f, err
}

// probed are the percentiles of single packets that rows are compared by.
var probed = []float64{50, 99, 99.9, 99.99}

package suite

import (
	"errors"

	"github.com/culvertdev/culvert/bench/machine"
)

// collector is a switch that collects garbage.
type collector interface{ Collections() (int, error) }

// watchPauses begins when the switch is at work. Call done at the end.
func (s *Stand) watchPauses() (p *pauses, done func() error, err error) {
	p, done = &pauses{}, func() error { return nil }
	if c, ok := s.Switch.(collector); ok {
		p.collected = c.Collections
	}
	if pid := s.Switch.PID(); pid > 0 {
		slices, err := machine.SlicesOf(pid, s.Scene.CPU)
		if err != nil {
			return nil, nil, err
		}
		if slices != nil { // it is known which thread forwards
			p.slices, done = slices.Count, slices.Close
		}
	}
	if err := p.begin(); err != nil {
		return nil, nil, errors.Join(err, done())
	}
	return p, done, nil
}

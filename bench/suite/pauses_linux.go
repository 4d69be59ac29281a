package suite

import (
	"errors"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

// pauseTime is how long a single packet takes at least that was held up by something: many times what it takes otherwise.
const pauseTime = 50 * time.Microsecond

// The measures of what held packets up.
const (
	measurePauses   = "packets that took over 50 µs"
	measureSwitched = "of these, the forwarding thread was off its CPU"
	measureCollects = "collections of garbage"
)

// pauseMeasures are of Culvert and Open vSwitch alike, but for collections, which Open vSwitch has none of. What is left, neither by scheduler nor
// collector, is the machine's: interrupts, and time that the hypervisor takes.
func pauseMeasures() []result.Measure {
	return []result.Measure{
		{Name: measurePauses, Unit: "packets", Better: result.Less}, {Name: measureSwitched, Unit: "packets", Better: result.Neither},
		{Name: measureCollects, Unit: "times", Better: result.Neither},
	}
}

// pauses watches the forwarding thread from packet to packet.
type pauses struct {
	sw               switches.Running
	slices           *machine.Slices // nil: it is not known which thread forwards
	last             uint64
	number, switched int
	collections      int // before
	err              error
}

// collector is a switch that collects garbage.
type collector interface{ Collections() (int, error) }

// watchPauses begins when the switch is at work.
func (s *Stand) watchPauses() (p *pauses, err error) {
	p = &pauses{sw: s.Switch}
	if pid := s.Switch.PID(); pid > 0 {
		if p.slices, err = machine.SlicesOf(pid, s.Scene.CPU); err != nil {
			return nil, err
		}
	}
	if p.slices != nil {
		p.last, p.err = p.slices.Count()
	}
	if c, ok := s.Switch.(collector); ok {
		p.collections, err = c.Collections()
	}
	return p, errors.Join(err, p.err)
}

// packet notes one that took so long. It makes no garbage.
func (p *pauses) packet(took time.Duration) {
	if took > pauseTime {
		p.number++
	}
	if p.slices == nil {
		return
	}
	n, err := p.slices.Count()
	if err != nil {
		p.err = err
	}
	if took > pauseTime && n != p.last {
		p.switched++
	}
	p.last = n
}

// figures are those of pauseMeasures, but for what is not known of the switch.
func (p *pauses) figures() (map[string]float64, error) {
	f := map[string]float64{measurePauses: float64(p.number)}
	if p.slices != nil {
		f[measureSwitched] = float64(p.switched)
	}
	if c, ok := p.sw.(collector); ok {
		n, err := c.Collections()
		if err != nil {
			return nil, err
		}
		f[measureCollects] = float64(n - p.collections)
	}
	return f, p.err
}

func (p *pauses) close() error {
	if p.slices == nil {
		return nil
	}
	return p.slices.Close()
}

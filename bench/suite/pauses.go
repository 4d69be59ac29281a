package suite

import (
	"time"

	"github.com/culvertdev/culvert/bench/result"
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

// pauses counts single packets that were held up, and what of it can be told. What cannot be known of a switch is nil.
type pauses struct {
	slices    func() (uint64, error) // how often the forwarding thread was given its CPU
	collected func() (int, error)    // how often the switch has collected its garbage

	last             uint64
	number, switched int
	collections      int // before
	err              error
}

// begin takes what has been counted so far for what was before.
func (p *pauses) begin() (err error) {
	if p.slices != nil {
		if p.last, err = p.slices(); err != nil {
			return err
		}
	}
	if p.collected != nil {
		p.collections, err = p.collected()
	}
	return err
}

// packet notes one that took so long. It makes no garbage.
func (p *pauses) packet(took time.Duration) {
	if took > pauseTime {
		p.number++
	}
	if p.slices == nil {
		return
	}
	n, err := p.slices()
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
	if p.collected != nil {
		n, err := p.collected()
		if err != nil {
			return nil, err
		}
		f[measureCollects] = float64(n - p.collections)
	}
	return f, p.err
}

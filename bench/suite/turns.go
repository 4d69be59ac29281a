package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/switches"
)

// A side is a switch of a cell in turns, with its generator. It stands still but for its turns.
type side interface {
	// turn has it go on, lets traffic pass for so long, measures a window of that time, and has it stand still again.
	turn(ctx context.Context, warm, window time.Duration) (Found, error)
	// end ends it, whether it stands still or not.
	end() error
	// about is what a sample says of who it is of.
	about() sample
}

// A match has the switches of a cell take turns, all of which run beside each other.
//
// Thread-safety: one goroutine at a time.
type match struct {
	turn
	o     *Options
	start func(ctx context.Context, sw switches.Switch, i int) (side, error)
	used  func(ctx context.Context) (float64, error) // by others, while all stand still: the share of the two CPUs
	apart func() machine.Distance
	short func() bool // there is no time for more windows than planned

	sides   []side // by contender; nil: it has failed
	warm    []bool // likewise: traffic has passed long enough
	samples []sample
	failed  []error // who failed, and why
}

// moreTurns is how many times as many windows there are as planned, at most, where others disturb some.
const moreTurns = 2

// run returns the windows that could be measured. A contender that fails is told of, has none, and takes no further turn; the others go on.
func (m *match) run(ctx context.Context) (_ []sample, err error) {
	all := m.contenders()
	m.sides, m.warm = make([]side, len(all)), make([]bool, len(all))
	defer func() {
		for i := range m.sides {
			m.leave(i, nil)
		}
		err = errors.Join(append(m.failed, err, ctx.Err())...)
	}()
	for i, sw := range all {
		s, err := m.start(ctx, sw, i)
		if err != nil {
			m.failed = append(m.failed, fmt.Errorf("%s: %w", sw.Name(), err))
			continue
		}
		m.sides[i] = s
	}
	for g := 0; m.left() && (g < m.groups || g < moreTurns*m.groups && m.more()); g++ {
		if err := m.group(ctx, g); err != nil {
			return nil, err
		}
	}
	for i := range m.sides { // one that does not end well has failed, too
		m.leave(i, nil)
	}
	return m.samples, nil
}

// group has each take its turns once, A B B A, and notes what others used before and after.
func (m *match) group(ctx context.Context, g int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	used, err := m.used(ctx)
	if err != nil {
		return err
	}
	apart := m.apart()
	for at, sw := range m.switches {
		i := m.index(sw)
		if m.sides[i] == nil || ctx.Err() != nil {
			continue
		}
		s := m.sides[i].about()
		begun, warm, window := time.Now(), m.o.Settle, m.o.length(m.Row)
		if !m.warm[i] {
			warm, m.warm[i] = m.o.Warm, true
		}
		if s.Found, err = m.sides[i].turn(ctx, warm, window); err != nil {
			m.leave(i, err)
			continue
		}
		s.Round, s.Turn, s.Took, s.Beside = m.round, g*len(m.switches)+at, time.Since(begun), true
		s.Distance[0], s.Used[0] = apart, used
		apart = m.apart()
		s.Distance[1] = apart
		m.samples = append(m.samples, s)
	}
	used, err = m.used(ctx)
	for i := range m.samples {
		if m.samples[i].Turn/len(m.switches) == g {
			m.samples[i].Used[1] = used
		}
	}
	return err
}

// leave ends a contender that still runs, which has failed if there is an error.
func (m *match) leave(i int, why error) {
	if m.sides[i] == nil {
		return
	}
	name := m.sides[i].about().Contender
	if err := errors.Join(why, unless(why, m.sides[i].end)); err != nil {
		m.failed = append(m.failed, fmt.Errorf("%s: %w", name, err))
		m.samples = slices.DeleteFunc(m.samples, func(s sample) bool { return s.Contender == name })
	}
	m.sides[i] = nil
}

// left reports whether anybody is left to take a turn.
func (m *match) left() bool {
	return slices.ContainsFunc(m.sides, func(s side) bool { return s != nil })
}

// more reports whether windows are to be made up for: there is time, and anybody who is left has fewer good ones than planned.
func (m *match) more() bool {
	if m.o.Patience == 0 || m.short() {
		return false
	}
	planned := len(m.switches) / len(m.sides) * m.groups
	for _, s := range m.sides {
		if s == nil {
			continue
		}
		n := 0
		for k := range m.samples {
			if w := &m.samples[k]; w.Contender == s.about().Contender && w.good() {
				n++
			}
		}
		if n < planned {
			return true
		}
	}
	return false
}

// index is the place of a contender.
func (m *match) index(sw switches.Switch) int {
	for i, s := range m.contenders() {
		if s.Name() == sw.Name() {
			return i
		}
	}
	return -1
}

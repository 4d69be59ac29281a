package suite

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/switches"
)

// A scene of a match without switches: who did what, in order.
type course struct {
	did  []string
	fail map[string]error // what somebody is to fail with, by what he does
}

func (c *course) do(what string) error {
	c.did = append(c.did, what)
	return c.fail[what]
}

// A pretended side forwards at a rate of its own.
type pretended struct {
	*course
	sample
	rate float64
}

func (p *pretended) about() sample { return p.sample }
func (p *pretended) end() error    { return p.do("end " + p.Contender) }

func (p *pretended) turn(ctx context.Context, warm, _ time.Duration) (Found, error) {
	what := p.Contender
	if warm == time.Second {
		what += " first"
	}
	return Found{AsSaid: 1, Figures: map[string]float64{measureRate: p.rate}}, errors.Join(p.do(what), ctx.Err())
}

// matched is a match of so many groups of A B B A, or A B C C B A, on a machine that others leave alone.
func matched(t *testing.T, groups int, contenders ...string) (*match, *course) {
	t.Helper()
	c := &course{fail: make(map[string]error)}
	o := &Options{Rings: []string{"split"}, Sizes: []int{64}, Rounds: 1, Warm: time.Second, Settle: time.Millisecond, Turn: time.Second, Turns: 2 * groups, Patience: time.Second}
	var all []switches.Switch
	for _, name := range contenders {
		all = append(all, named(name))
	}
	row := rowOf(t, "port")
	row.Contenders = contenders
	turns := o.turns([]Cell{{row, "split", 64}}, all)
	return &match{
		turn: turns[0], o: o, short: func() bool { return false },
		start: func(_ context.Context, sw switches.Switch, i int) (side, error) {
			return &pretended{c, sample{Cell: turns[0].Cell, Contender: sw.Name(), Version: "v1"}, float64(i+1) * 1e6}, c.do("start " + sw.Name())
		},
		used:  func(context.Context) (float64, error) { return 0, c.do("look") },
		apart: func() machine.Distance { return 70 },
	}, c
}

func TestAllStartBeforeTheFirstTurnAndEndAfterTheLast(t *testing.T) {
	for _, c := range []struct {
		groups     int
		contenders []string
		want       string
	}{
		{2, []string{"a", "b"}, "start a, start b, look, a first, b first, b, a, look, look, a, b, b, a, look, end a, end b"},
		{1, []string{"a", "b", "c"}, "start a, start b, start c, look, a first, b first, c first, c, b, a, look, end a, end b, end c"},
		{1, []string{"a"}, "start a, look, a first, look, look, a, look, end a"},
	} {
		m, log := matched(t, c.groups, c.contenders...)
		list, err := m.run(t.Context())
		if got := strings.Join(log.did, ", "); err != nil || got != c.want {
			t.Errorf("got %s, %v\nwant %s", got, err, c.want)
		}
		for i, s := range list {
			if s.Turn != i || s.Round != 1 || !s.Beside || s.Distance != [2]machine.Distance{70, 70} || s.Contender != m.switches[i%len(m.switches)].Name() {
				t.Errorf("window %d: got %+v", i, s)
			}
		}
		if len(list) != m.windows() {
			t.Errorf("%v: got %d windows, want %d", c.contenders, len(list), m.windows())
		}
	}
}

// Those that still run go on without one that fails, whenever it does, and it has no windows.
func TestOneThatFailsTakesNoFurtherTurn(t *testing.T) {
	for failure, want := range map[string]string{
		"start b": "start a, start b, look, a first, a, look, end a",
		"b first": "start a, start b, look, a first, b first, end b, a, look, end a",
		"b":       "start a, start b, look, a first, b first, b, end b, a, look, end a",
		"end b":   "start a, start b, look, a first, b first, b, a, look, end a, end b",
	} {
		m, log := matched(t, 1, "a", "b")
		log.fail[failure] = errors.New("no hugepages")
		list, err := m.run(t.Context())
		if got := strings.Join(log.did, ", "); got != want {
			t.Errorf("%s fails: got %s\nwant %s", failure, got, want)
		}
		if err == nil || !strings.Contains(err.Error(), "b: no hugepages") {
			t.Errorf("%s fails: got %v", failure, err)
		}
		if len(list) != 2 || slices.ContainsFunc(list, func(s sample) bool { return s.Contender != "a" }) {
			t.Errorf("%s fails: got windows %+v", failure, list)
		}
	}
}

func TestAllEndWhenAMatchIsBrokenOff(t *testing.T) {
	m, log := matched(t, 3, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	m.apart = func() machine.Distance {
		if len(log.did) == 5 { // start a, start b, look, a, b
			cancel()
		}
		return 70
	}
	list, err := m.run(ctx)
	if want := "start a, start b, look, a first, b first, look, end a, end b"; strings.Join(log.did, ", ") != want || !errors.Is(err, context.Canceled) || list != nil {
		t.Errorf("got %v, %v, windows %v", log.did, err, list)
	}
}

// Windows that others disturb are made up for by further ones, while there is time, up to as many again.
func TestDisturbedWindowsAreMadeUpFor(t *testing.T) {
	for _, c := range []struct {
		name    string
		looks   []float64 // what others use, look by look; nothing after that
		short   bool
		windows int
	}{
		{"left alone", nil, false, 8},
		{"disturbed once", []float64{0, 0.5}, false, 12},
		{"disturbed all the time", []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, false, 16},
		{"disturbed when time is short", []float64{0, 0.5}, true, 8},
	} {
		m, _ := matched(t, 2, "a", "b")
		m.short = func() bool { return c.short }
		n := 0
		m.used = func(context.Context) (float64, error) {
			if n++; n <= len(c.looks) {
				return c.looks[n-1], nil
			}
			return 0, nil
		}
		list, err := m.run(t.Context())
		if err != nil || len(list) != c.windows {
			t.Errorf("%s: got %d windows, %v; want %d", c.name, len(list), err, c.windows)
		}
	}
}

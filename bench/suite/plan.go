package suite

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/switches"
)

// A Cell is a row with ports of one kind and packets of one size.
type Cell struct {
	Row   *Row
	Rings string // of vhost-user ports: split or packed
	Size  int    // bytes, with frame check sequence; 0: the row's own
}

func (c Cell) String() string {
	switch {
	case c.Row.Devices:
		return c.Row.Name
	case c.Row.Peers:
		return fmt.Sprintf("%d bytes, %s", c.Size, c.Row.Name)
	case c.Size == 0:
		return c.Rings + ", " + c.Row.Name
	}
	return fmt.Sprintf("%s, %d bytes, %s", c.Rings, c.Size, c.Row.Name)
}

// A turn is one cell in one round, with the switches whose turn it is: A B B A.
type turn struct {
	Cell
	round    int
	switches []switches.Switch
	groups   int // how often they do so, in a cell in turns; 0: each turn is a window of a fresh switch
}

// contenders are the switches, each once.
func (t turn) contenders() []switches.Switch { return t.switches[:(len(t.switches)+1)/2] }

// names are theirs.
func (t turn) names() string {
	var list []string
	for _, s := range t.contenders() {
		list = append(list, s.Name())
	}
	return strings.Join(list, ", ")
}

// windows is how many there are, unless others disturb some in turns, which have more then.
func (t turn) windows() int { return len(t.switches) * max(1, t.groups) }

// cells returns those of the rows that are asked for, in order, rows of one cell's packets next to each other.
func (o *Options) cells(all []Row) (list []Cell, err error) {
	rows, err := choose(all, o.Rows)
	if err != nil {
		return nil, err
	}
	for k, rings := range o.Rings {
		if rings != "split" && rings != "packed" {
			return nil, fmt.Errorf("rings %q: want split or packed", rings)
		}
		for n, size := range o.Sizes {
			if size < leastSize || size > longSize {
				return nil, fmt.Errorf("size %d: want %d to %d bytes", size, leastSize, longSize)
			}
			for i := range rows {
				switch r := &rows[i]; {
				case r.Devices && k+n > 0 || r.Sized && n > 0 || r.Peers && k > 0: // it is in the list already
				case r.Devices || r.Sized:
					list = append(list, Cell{r, rings, 0})
				case size > r.longest():
					return nil, fmt.Errorf("size %d in row %s: want at most %d bytes there%s", size, r.ID, r.longest(), whoTakes(size, all))
				default:
					list = append(list, Cell{r, rings, size})
				}
			}
		}
	}
	return list, nil
}

// whoTakes says which rows have frames of a size that another one has not.
func whoTakes(size int, all []Row) string {
	var list []string
	for _, r := range all {
		if size > mostSize && size <= r.longest() {
			list = append(list, r.ID)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "; so long ones have " + strings.Join(list, ", ")
}

// choose returns the rows whose IDs one of the patterns of path.Match names, all that need not be asked for when there are none.
func choose(all []Row, patterns []string) (rows []Row, err error) {
	if len(patterns) == 0 {
		return slices.DeleteFunc(slices.Clone(all), func(r Row) bool { return r.Asked }), nil
	}
	for _, p := range patterns {
		found := false
		for _, r := range all {
			ok, err := path.Match(p, r.ID)
			if err != nil {
				return nil, fmt.Errorf("row %q: %w", p, err)
			}
			found = found || ok
			if ok && !slices.ContainsFunc(rows, func(s Row) bool { return s.ID == r.ID }) {
				rows = append(rows, r)
			}
		}
		if !found {
			return nil, fmt.Errorf("row %q: want one of %s", p, strings.Join(ids(all), ", "))
		}
	}
	return rows, nil
}

func ids(all []Row) (list []string) {
	for _, r := range all {
		list = append(list, r.ID)
	}
	return list
}

// turns returns the rounds of the cells, one after the other, with the switches of each that are there. A B B A with fresh switches starts each
// twice, and so has half as many rounds. Rows that search take part in the first alone, unless rows are asked for.
func (o *Options) turns(cells []Cell, there []switches.Switch) (list []turn) {
	for round := range o.Rounds {
		for _, c := range cells {
			all := o.contenders(c.Row, there)
			groups := o.groups(c.Row, all)
			if len(all) == 0 || c.Row.Once && round > 0 && len(o.Rows) == 0 || groups == 0 && round >= (o.Rounds+1)/2 {
				continue
			}
			list = append(list, turn{c, round + 1, contest.Turns(all), groups})
		}
	}
	return list
}

// groups is how often A B B A comes round in a cell in turns; 0 where its windows are of fresh switches: where somebody cannot be stopped, and
// where perf wants long windows.
func (o *Options) groups(r *Row, all []switches.Switch) int {
	unstoppable := func(s switches.Switch) bool {
		own, theirs := s.(switches.Own)
		return theirs && own.Process == 0
	}
	if len(all) == 0 || o.Turns == 0 || r.Prepare == nil || o.Perf || slices.ContainsFunc(all, unstoppable) {
		return 0
	}
	turns, each := o.Turns, len(contest.Turns(all))/len(all)
	if r.Long {
		turns /= longFewer
	}
	return max(1, (turns+each-1)/each)
}

// Windows of rows with Long are so many times as long, and there are so many times fewer.
const (
	longTimes = 4
	longFewer = 2
)

// length is that of a window in turns.
func (o *Options) length(r *Row) time.Duration {
	if r.Long {
		return longTimes * o.Turn
	}
	return o.Turn
}

// contenders returns the switches of a row, in the row's order, and then those of the user's own.
func (o *Options) contenders(r *Row, there []switches.Switch) (list []switches.Switch) {
	for _, name := range o.names(r) {
		if !o.takesPart(name) {
			continue
		}
		for _, s := range there {
			if s.Name() == name {
				list = append(list, s)
			}
		}
	}
	for _, s := range there {
		if own, ok := s.(switches.Own); ok && r.suits(own) {
			list = append(list, s)
		}
	}
	return list
}

// names are those of the row's contenders, with another build of Culvert behind this one.
func (o *Options) names(r *Row) (list []string) {
	for _, name := range r.Contenders {
		list = append(list, name)
		if o.Other != "" && strings.HasPrefix(name, "culvert") {
			list = append(list, name+"-other")
		}
	}
	return list
}

// takesPart reports whether a switch was asked for; who asks for one build of Culvert has the other, too.
func (o *Options) takesPart(name string) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, name) || slices.Contains(o.Only, strings.TrimSuffix(name, "-other"))
}

// suits reports whether a switch of the user's own takes part: where it can be told the rules, or where from each port to the other is
// all that they say.
func (r *Row) suits(own switches.Own) bool {
	if r.Peers || own.ByInterfaces() {
		return r.Peers && own.ByInterfaces()
	}
	return !r.Devices && r.Scene == nil && (own.TakesRules() || r.ID == "no-lookup" || r.ID == "port")
}

// What there is to do for a window besides measuring, as it was measured: looking at the machine before and after is one second, Culvert starts in 0.2 s,
// Open vSwitch in 0.6 to 1.2, and seeing that the rules move packets is half a second; testpmd as generator takes 1.5 to 2.5 s to
// start and until the switch has connected.
const (
	startTime   = 3 * time.Second
	testpmdTime = 2 * time.Second
)

// In a cell in turns the start of one switch with its generator and the look at its effect, which was 1.7 s over 74 of them; for how long what others use is looked at before and
// after each A B B A; and what a turn takes beyond what Options say.
const (
	sideTime  = 2 * time.Second
	turnsLook = 200 * time.Millisecond
	turnTime  = 50 * time.Millisecond
)

// takes is about how long a cell's turns take.
func (o *Options) takes(t turn) time.Duration {
	if t.groups > 0 {
		start := time.Duration(len(t.contenders())) * (sideTime + o.Warm)
		return start + time.Duration(t.windows())*(o.Settle+o.length(t.Row)+turnTime+t.Row.Each) + time.Duration(2*t.groups)*turnsLook
	}
	return time.Duration(len(t.switches)) * (startTime + o.Warm + o.Window + t.Row.Takes)
}

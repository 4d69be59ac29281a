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
}

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
			if size < 64 || size > 1518 {
				return nil, fmt.Errorf("size %d: want 64 to 1518 bytes", size)
			}
			for i := range rows {
				switch r := &rows[i]; {
				case r.Devices && k+n > 0 || r.Sized && n > 0 || r.Peers && k > 0: // it is in the list already
				case r.Devices || r.Sized:
					list = append(list, Cell{r, rings, 0})
				case r.Longest > 0 && size > r.Longest:
					return nil, fmt.Errorf("size %d in row %s: want at most %d bytes, which fit the tunnel", size, r.ID, r.Longest)
				default:
					list = append(list, Cell{r, rings, size})
				}
			}
		}
	}
	return list, nil
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

// turns returns the rounds of the cells, one after the other, with the switches of each that are there. Rows that search take part in the first alone.
func (o *Options) turns(cells []Cell, there []switches.Switch) (list []turn) {
	for round := range o.Rounds {
		for _, c := range cells {
			if c.Row.Once && round > 0 {
				continue
			}
			if all := o.contenders(c.Row, there); len(all) > 0 {
				list = append(list, turn{c, round + 1, contest.Turns(all)})
			}
		}
	}
	return list
}

// contenders returns the switches of a row, in the row's order, and then those of the user's own.
func (o *Options) contenders(r *Row, there []switches.Switch) (list []switches.Switch) {
	for _, name := range r.Contenders {
		if len(o.Only) > 0 && !slices.Contains(o.Only, name) {
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

// takes is about how long a cell's turns take.
func (o *Options) takes(t turn) time.Duration {
	return time.Duration(len(t.switches)) * (startTime + o.Warm + o.Window + t.Row.Takes)
}

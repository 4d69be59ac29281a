package report

import (
	"math"
	"strconv"
)

// A Unit is one that people read figures in.
type Unit struct {
	Name   string
	factor float64 // of the unit that figures are kept in
}

// units are the larger ones of each unit that figures are kept in, the largest first.
var units = map[string][]Unit{
	"packets/s": {{"Mpps", 1e-6}, {"kpps", 1e-3}, {"pps", 1}},
	"flows/s":   {{"M flows/s", 1e-6}, {"k flows/s", 1e-3}, {"flows/s", 1}},
	"bit/s":     {{"Gbit/s", 1e-9}, {"Mbit/s", 1e-6}, {"kbit/s", 1e-3}, {"bit/s", 1}},
	"ns":        {{"s", 1e-9}, {"ms", 1e-6}, {"µs", 1e-3}, {"ns", 1}},
	"share":     {{"%", 100}},
}

// UnitOf returns the unit for figures up to the largest: the one in which it is 1 or more; packet rates of
// 100,000 and more are in Mpps, as everybody has them.
func UnitOf(kept string, largest float64) Unit {
	list := units[kept]
	for _, u := range list {
		if largest*u.factor >= 1 || kept == "packets/s" && u.factor == 1e-6 && largest >= 1e5 || kept == "share" {
			return u
		}
	}
	if len(list) > 0 {
		return list[len(list)-1]
	}
	return Unit{kept, 1}
}

// Figure writes a figure in the unit, without its name: three digits that count, more if they are before the point.
func (u Unit) Figure(v float64) string { return digits(v * u.factor) }

// Tick writes a round figure in the unit, without its name, as short as it is.
func (u Unit) Tick(v float64) string { return strconv.FormatFloat(v*u.factor, 'g', 6, 64) }

// Text is the figure with its unit.
func (u Unit) Text(v float64) string {
	if u.Name == "" {
		return u.Figure(v)
	}
	return u.Figure(v) + " " + u.Name
}

func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e7:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case a >= 100 || a == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

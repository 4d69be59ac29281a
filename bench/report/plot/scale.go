package plot

import "math"

// A Scale says where a figure is on an axis, and which figures are written beside it.
type Scale interface {
	Place(v float64) float64 // 0 is the axis' begin, 1 its end
	Ticks() []float64
}

// Linear goes from 0 to a round figure.
type Linear struct{ end, step float64 }

// NewLinear returns a scale that has room for figures from 0 to the largest.
func NewLinear(largest float64) Linear {
	if largest <= 0 {
		largest = 1
	}
	const ticks = 5
	step := math.Pow(10, math.Floor(math.Log10(largest/ticks)))
	for _, f := range [...]float64{2, 5, 10} {
		if largest/step > ticks {
			step = f * math.Pow(10, math.Floor(math.Log10(largest/ticks)))
		}
	}
	return Linear{step * math.Ceil(largest/step*(1-1e-9)), step}
}

// Place implements Scale.
func (l Linear) Place(v float64) float64 { return v / l.end }

// Ticks implements Scale.
func (l Linear) Ticks() (list []float64) {
	for i := 0; float64(i)*l.step <= l.end*(1+1e-9); i++ {
		list = append(list, float64(i)*l.step)
	}
	return list
}

// Log goes from a power of ten to a figure.
type Log struct{ low, high float64 } // powers

// NewLog returns a scale that has room for figures from the least to the largest, both above 0.
func NewLog(least, largest float64) Log {
	low := math.Floor(math.Log10(least) + 1e-9)
	return Log{low, max(math.Log10(largest), low+0.5)}
}

// Place implements Scale.
func (l Log) Place(v float64) float64 {
	return (math.Log10(max(v, math.SmallestNonzeroFloat64)) - l.low) / (l.high - l.low)
}

// Ticks implements Scale: powers of ten, with 2 and 5 times them where there are few, every other one where there are many.
func (l Log) Ticks() (list []float64) {
	step, factors := max(1, math.Ceil((l.high-l.low)/6)), []float64{1}
	if l.high-l.low <= 2 {
		factors = []float64{1, 2, 5}
	}
	for p := l.low; p <= l.high; p += step {
		for _, f := range factors {
			if v := f * math.Pow(10, p); math.Log10(v) <= l.high+1e-9 {
				list = append(list, v)
			}
		}
	}
	return list
}

// Nines is a scale of percentiles on which each further 9 takes the same room: 90, 99, 99.9 per cent.
type Nines struct {
	end     float64 // in nines
	slowest bool    // 100 per cent have a place, at the end
}

// beyond is the room, in nines, between the largest percentile and 100.
const beyond = 0.5

// NewNines returns a scale up to the largest percentile below 100, and to 100 itself if wanted.
func NewNines(largest float64, slowest bool) Nines {
	end := max(1, nines(largest))
	if slowest {
		end += beyond
	}
	return Nines{end, slowest}
}

// nines is how many there are: 99.9 per cent have three, 100 per cent as many as can be told.
func nines(percent float64) float64 {
	const most = 7
	return min(most, -math.Log10(max(1-percent/100, math.Pow(10, -most))))
}

// Place implements Scale.
func (n Nines) Place(percent float64) float64 {
	if percent == 100 {
		return 1
	}
	return min(1, nines(percent)/n.end)
}

// Ticks implements Scale.
func (n Nines) Ticks() []float64 {
	list := []float64{0, 50}
	for _, p := range [...]float64{90, 99, 99.9, 99.99, 99.999, 99.9999} {
		if nines(p) <= n.end*(1+1e-9) {
			list = append(list, p)
		}
	}
	if n.slowest {
		list = append(list, 100)
	}
	return list
}

// Shares is a scale of shares from 0 to 1 on which small ones can be told from each other and from none: it begins with 0, then goes from
// its smallest share in powers of ten.
type Shares struct{ log Log }

// shareless is the part of the axis between 0 and the smallest share.
const shareless = 0.12

// NewShares returns a scale for shares of which the least above 0 is given.
func NewShares(least float64) Shares { return Shares{NewLog(min(0.1, max(least, 1e-9)), 1)} }

// Place implements Scale.
func (s Shares) Place(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return shareless + (1-shareless)*max(0, s.log.Place(v))
}

// Ticks implements Scale.
func (s Shares) Ticks() []float64 {
	list := []float64{0}
	for p := s.log.low; p <= 0; p++ {
		list = append(list, math.Pow(10, p))
	}
	return list
}

package method

import (
	"math"
	"slices"
)

// unfinished returns what is known when there are no trials or no time left: all of it of the class of which most is known, with what is known of others beside it.
func (s *search) unfinished() []Found {
	now := s.class
	defer func() { s.class = now }()
	var of [][]Found // by class, in the order in which they appeared
	best, narrowest := 0, math.Inf(1)
	for _, class := range s.classes() {
		s.class = class
		var all []Found
		width := 0.0
		for _, loss := range s.Loss {
			f := s.known(loss, s.Final)
			_, done := s.narrow(f, s.Max)
			f.Open = !done
			all, width = append(all, f), width+s.width(f)
		}
		if of = append(of, all); width < narrowest {
			best, narrowest = len(of)-1, width
		}
	}
	if of == nil { // all were mixed
		of = make([][]Found, 1)
		for _, loss := range s.Loss {
			of[0] = append(of[0], Found{Loss: loss, Open: true})
		}
	}
	found := of[best]
	for i := range found {
		for k, all := range of {
			if k != best {
				found[i].Others = append(found[i].Others, all[i])
			}
		}
	}
	return found
}

// classes returns those of all trials that have one, or are all of one.
func (s *search) classes() (list []string) {
	for i := range s.made {
		if c := s.made[i].Class; c != Mixed && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// width is how far apart what passed and what did not are, as the logarithm of their ratio; the ends of the search stand for what there is not.
func (s *search) width(f Found) float64 {
	low, high := s.Min, s.Max
	if f.Passed != nil {
		low = f.Passed.Rate
	}
	if b := f.bound(); b != nil {
		high = b.Rate
	}
	return math.Log(high / low)
}

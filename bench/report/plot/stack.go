package plot

import "fmt"

// Stack is a chart of wholes and what they are made of. Which part is which is said beside it by the same colours: parts are often
// too small for a name.
type Stack struct {
	Title, Description string
	Wholes             []Whole
	Largest            float64 // that the scale goes up to, of several charts beside each other; that of the wholes if it is less
}

// A Whole is one bar. Parts of one number are the same kind in all of them.
type Whole struct {
	Name, Text string
	Parts      []Part
}

// A Part of a whole.
type Part struct {
	Series int
	Name   string
	Value  float64
}

// SVG draws it, all bars on one scale. id is unique in the page.
func (s *Stack) SVG(id string) string {
	var c canvas
	largest := s.Largest
	for _, w := range s.Wholes {
		sum := 0.0
		for _, p := range w.Parts {
			sum += p.Value
		}
		largest = max(largest, sum)
	}
	if largest == 0 {
		largest = 1
	}
	const (
		most     = 54 // characters on a line
		line     = 15.0
		height   = 20.0
		below    = 4.0 // a name, above its bar
		wholeGap = 9.0
	)
	y := 4.0
	for _, w := range s.Wholes {
		c.text(Width-2, y+13, "end", "strong", w.Text)
		for _, l := range Wrap(w.Name, most) {
			c.text(2, y+13, "start", "label", l)
			y += line
		}
		y += below
		x := 2.0
		for _, p := range w.Parts {
			width := p.Value / largest * (Width - 4)
			c.titled(fmt.Sprintf("%s: %.0f", p.Name, p.Value), "rect", "x", x, "y", y, "width", width, "height", height, "class", "part "+series(p.Series))
			x += width
		}
		y += height + wholeGap
	}
	return c.svg(id, s.Title, s.Description, y)
}

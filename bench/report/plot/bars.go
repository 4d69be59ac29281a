package plot

import "fmt"

// Bars is a chart of groups of figures from 0, one below the other.
type Bars struct {
	Title, Description string
	Groups             []Group
	Largest            float64 // that the scale goes up to, of several charts beside each other; that of the figures if it is less
}

// A Group are figures to be compared with each other.
type Group struct {
	Label string
	Notes []string // such as ratios, one below the other
	Bars  []Bar
}

// A Bar is a figure of the series of that number, where it may be, and the figures it is made of.
type Bar struct {
	Series           int
	Name, Text       string
	Value, Low, High float64
	Dots             []float64
}

// The bars' area in units.
const (
	barLeft, barRight = 98.0, 352.0
	barHeight         = 16.0
	barStep           = 21.0
	groupGap          = 14.0
)

// SVG draws it, all bars on one scale. id is unique in the page.
func (b *Bars) SVG(id string) string {
	var c canvas
	largest := b.Largest
	for _, g := range b.Groups {
		for _, bar := range g.Bars {
			largest = max(largest, bar.Value, bar.High)
			for _, v := range bar.Dots {
				largest = max(largest, v)
			}
		}
	}
	if largest == 0 {
		largest = 1
	}
	at := func(v float64) float64 { return barLeft + v/largest*(barRight-barLeft) }
	y := 4.0
	for _, g := range b.Groups {
		y = g.draw(&c, y, at)
	}
	return c.svg(id, b.Title, b.Description, y)
}

// draw draws a group below y and returns where the next one begins.
func (g *Group) draw(c *canvas, y float64, at func(float64) float64) float64 {
	const (
		most     = 60 // characters on a line: notes are bold, and wider
		mostNote = 40
	)
	longest := 0
	var notes []string
	for _, n := range g.Notes {
		n = Cut(n, mostNote)
		notes, longest = append(notes, n), max(longest, len([]rune(n)))
	}
	lines := Wrap(g.Label, most-longest-2)
	for i := range max(len(lines), len(notes)) {
		y += 15
		if i < len(lines) {
			c.text(2, y, "start", "label", lines[i])
		}
		if i < len(notes) {
			c.text(Width-2, y, "end", "strong", notes[i])
		}
	}
	y += 7
	for i := range g.Bars {
		g.Bars[i].draw(c, y, at)
		y += barStep
	}
	return y + groupGap
}

func (b *Bar) draw(c *canvas, y float64, at func(float64) float64) {
	middle := y + barHeight/2
	c.text(barLeft-6, middle+4.5, "end", "label", Cut(b.Name, 13))
	c.titled(b.Name+": "+b.Text, "rect", "x", barLeft, "y", y, "width", max(1, at(b.Value)-barLeft), "height", barHeight, "rx", 2.0, "class", "bar "+series(b.Series))
	for _, v := range b.Dots {
		c.element("circle", "cx", at(v), "cy", y+0.76*barHeight, "r", 1.9, "class", "dot")
	}
	if b.Low < b.High {
		c.element("path", "d", fmt.Sprintf("M%[1]s %[3]sv7m0 -3.5H%[2]sm0 -3.5v7", value(at(b.Low)), value(at(b.High)), value(y+1)), "class", "whisker")
	}
	c.text(Width-2, middle+4.5, "end", "label", b.Text)
}

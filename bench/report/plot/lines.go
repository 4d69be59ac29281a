package plot

import (
	"fmt"
	"html"
	"strings"
)

// An Axis of a chart.
type Axis struct {
	Label  string
	Scale  Scale
	Tick   func(float64) string // at the axis: short
	Format func(float64) string // in texts
}

// A Point of a line, with the range it may be in where Low is below High.
type Point struct {
	X, Y, Low, High float64
	Open            bool // its mark is hollow: the figure is a bound
}

// A Series is one line. Points are in the order in which they are to be joined.
type Series struct {
	Number int // that its colour and mark go by
	Name   string
	Points []Point
}

// Lines is a chart of figures that depend on another.
type Lines struct {
	Title, Description string
	X, Y               Axis
	Series             []Series
}

// The chart's area in units, below the legend, and the room of one line of the legend.
const (
	areaLeft, areaRight = 72.0, Width - 26.0
	areaHeight          = 210.0
	lineHeight          = 17.0
	belowArea           = 40.0
)

// SVG draws it. id is unique in the page.
func (l *Lines) SVG(id string) string {
	var c canvas
	top := 10.0
	for _, s := range l.Series {
		y := top + lineHeight/2
		c.element("path", "d", fmt.Sprintf("M%s %sh24", value(areaLeft), value(y)), "class", "line "+series(s.Number))
		c.mark(s.Number, areaLeft+12, y, false, s.Name)
		c.text(areaLeft+32, y+4.5, "start", "label", Cut(s.Name, 55))
		top += lineHeight
	}
	top += 8
	a := area{top, top + areaHeight, &l.X, &l.Y}
	a.axes(&c)
	for i := range l.Series {
		a.series(&c, &l.Series[i])
	}
	return c.svg(id, l.Title, l.Description, a.bottom+belowArea)
}

// An area is where the lines are.
type area struct {
	top, bottom float64
	x, y        *Axis
}

func (a *area) at(x, y float64) (float64, float64) {
	return areaLeft + within(a.x.Scale.Place(x))*(areaRight-areaLeft), a.bottom - within(a.y.Scale.Place(y))*(a.bottom-a.top)
}

// within keeps what an axis has no room for at its end.
func within(place float64) float64 { return min(1, max(0, place)) }

func (a *area) axes(c *canvas) {
	for _, v := range a.y.Scale.Ticks() {
		_, y := a.at(0, v)
		c.element("path", "d", fmt.Sprintf("M%s %sH%s", value(areaLeft), value(y), value(areaRight)), "class", "grid")
		c.text(areaLeft-6, y+4, "end", "label", a.y.Tick(v))
	}
	for _, v := range a.x.Scale.Ticks() {
		x, _ := a.at(v, 0)
		c.element("path", "d", fmt.Sprintf("M%s %sv5", value(x), value(a.bottom)), "class", "axis")
		c.text(x, a.bottom+17, "middle", "label", a.x.Tick(v))
	}
	c.element("path", "d", fmt.Sprintf("M%s %sH%s", value(areaLeft), value(a.bottom), value(areaRight)), "class", "axis")
	c.text((areaLeft+areaRight)/2, a.bottom+34, "middle", "label", a.x.Label)
	c.open("text", []any{"x", 0.0, "y", 0.0, "text-anchor", "middle", "class", "label", "transform", fmt.Sprintf("translate(10 %s) rotate(-90)", value((a.top+a.bottom)/2))})
	c.b.WriteString(">")
	c.b.WriteString(html.EscapeString(a.y.Label) + "</text>")
}

func (a *area) series(c *canvas, s *Series) {
	var d strings.Builder
	for k, p := range s.Points {
		x, y := a.at(p.X, p.Y)
		fmt.Fprintf(&d, "%c%s %s", "ML"[min(k, 1)], value(x), value(y))
		if p.Low < p.High {
			_, low := a.at(p.X, p.Low)
			_, high := a.at(p.X, p.High)
			c.element("path", "d", fmt.Sprintf("M%s %sV%s", value(x), value(low), value(high)), "class", "whisker "+series(s.Number))
		}
	}
	if len(s.Points) > 1 {
		c.element("path", "d", d.String(), "class", "line "+series(s.Number))
	}
	for _, p := range s.Points {
		x, y := a.at(p.X, p.Y)
		c.mark(s.Number, x, y, p.Open, fmt.Sprintf("%s, %s: %s", s.Name, a.x.Format(p.X), a.y.Format(p.Y)))
	}
}

package plot

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// Width is how many units wide charts are.
const Width = 440

// colours is how many series look different from each other.
const colours = 8

// A canvas collects SVG elements.
type canvas struct{ b strings.Builder }

// element writes an element without content. Attributes are pairs of a name and a value.
func (c *canvas) element(name string, attributes ...any) {
	c.open(name, attributes)
	c.b.WriteString("/>")
}

// text writes a text that ends, begins or is centred at x, as anchor says.
func (c *canvas) text(x, y float64, anchor, class, s string) {
	c.open("text", []any{"x", x, "y", y, "text-anchor", anchor, "class", class})
	c.b.WriteString(">" + html.EscapeString(s) + "</text>")
}

// titled writes an element that says what it is when it is pointed at.
func (c *canvas) titled(title, name string, attributes ...any) {
	c.open(name, attributes)
	fmt.Fprintf(&c.b, "><title>%s</title></%s>", html.EscapeString(title), name)
}

func (c *canvas) open(name string, attributes []any) {
	c.b.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		fmt.Fprintf(&c.b, ` %s="%s"`, attributes[i], html.EscapeString(value(attributes[i+1])))
	}
}

// value writes numbers in tenths of a unit: finer cannot be seen.
func value(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(float64(int64(f*10+0.5))/10, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// svg returns the chart. id is unique in the page.
func (c *canvas) svg(id, title, description string, height float64) string {
	var o canvas
	o.open("svg", []any{
		"xmlns", "http://www.w3.org/2000/svg", "viewBox", fmt.Sprintf("0 0 %d %s", Width, value(height)), "role", "img",
		"aria-labelledby", id + "-title " + id + "-text",
	})
	fmt.Fprintf(&o.b, `><title id="%s-title">%s</title><desc id="%s-text">%s</desc>%s</svg>`,
		html.EscapeString(id), html.EscapeString(title), html.EscapeString(id), html.EscapeString(description), c.b.String())
	return o.b.String()
}

// series is the class of a series by its number.
func series(i int) string { return fmt.Sprint("s", i%colours) }

// mark draws the mark of a series: each has a shape of its own, filled or open.
func (c *canvas) mark(i int, x, y float64, open bool, title string) {
	const r = 4.0
	class := "mark " + series(i)
	if open {
		class = "mark open " + series(i)
	}
	points := func(xy ...float64) string {
		var list []string
		for k := 0; k < len(xy); k += 2 {
			list = append(list, value(x+r*xy[k])+","+value(y+r*xy[k+1]))
		}
		return strings.Join(list, " ")
	}
	switch i % 4 {
	case 0:
		c.titled(title, "circle", "cx", x, "cy", y, "r", r, "class", class)
	case 1:
		c.titled(title, "rect", "x", x-r, "y", y-r, "width", 2*r, "height", 2*r, "class", class)
	case 2:
		c.titled(title, "polygon", "points", points(0, -1.3, 1.2, 0.9, -1.2, 0.9), "class", class)
	case 3:
		c.titled(title, "polygon", "points", points(0, -1.4, 1.4, 0, 0, 1.4, -1.4, 0), "class", class)
	}
}

// Wrap breaks a text into lines of so many characters at most, at spaces where there are any.
func Wrap(s string, most int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(s) {
		word = Cut(word, most)
		if line != "" && len([]rune(line))+1+len([]rune(word)) > most {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// Cut shortens a text to so many characters.
func Cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

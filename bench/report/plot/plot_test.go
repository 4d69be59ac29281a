package plot

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestWhereFiguresAreOnAScale(t *testing.T) {
	for _, c := range []struct {
		name  string
		scale Scale
		at    map[float64]float64
		ticks []float64
	}{
		{"linear to 17.4", NewLinear(17.4), map[float64]float64{0: 0, 10: 0.5, 20: 1}, []float64{0, 5, 10, 15, 20}},
		{"linear to 5", NewLinear(5), map[float64]float64{5: 1}, []float64{0, 1, 2, 3, 4, 5}},
		{"linear to nothing", NewLinear(0), map[float64]float64{0: 0}, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}},
		{"decades", NewLog(1, 1e6), map[float64]float64{1: 0, 1000: 0.5, 1e6: 1}, []float64{1, 10, 100, 1000, 1e4, 1e5, 1e6}},
		{"one decade", NewLog(20, 90), map[float64]float64{10: 0}, []float64{10, 20, 50}},
		{"many decades", NewLog(1, 1e12), map[float64]float64{1e6: 0.5}, []float64{1, 100, 1e4, 1e6, 1e8, 1e10, 1e12}},
		{"one figure", NewLog(1, 1), map[float64]float64{1: 0}, []float64{1, 2}},
		{"nines", NewNines(99.99, false), map[float64]float64{0: 0, 90: 0.25, 99: 0.5, 99.9: 0.75, 99.99: 1, 100: 1}, []float64{0, 50, 90, 99, 99.9, 99.99}},
		{"nines and all", NewNines(99.9, true), map[float64]float64{99.9: 3 / 3.5, 100: 1}, []float64{0, 50, 90, 99, 99.9, 100}},
		{"shares", NewShares(0.001), map[float64]float64{0: 0, 0.001: shareless, 1: 1}, []float64{0, 0.001, 0.01, 0.1, 1}},
	} {
		for v, want := range c.at {
			if got := c.scale.Place(v); math.Abs(got-want) > 1e-9 {
				t.Errorf("%s: %v is at %v, want %v", c.name, v, got, want)
			}
		}
		got := c.scale.Ticks()
		if !slices.EqualFunc(got, c.ticks, func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(a, b) }) {
			t.Errorf("%s: ticks at %v, want %v", c.name, got, c.ticks)
		}
	}
}

func TestTextsFitIntoTheirLines(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{""}}, {"one two three", []string{"one two", "three"}}, {"onetwothree", []string{"onetwot…"}}, {"ääää öööö", []string{"ääää", "öööö"}},
	} {
		if got := Wrap(c.text, 8); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

// Charts of figures that no real run has: they must be whole, without a number that is none.
func TestChartsOfOddFigures(t *testing.T) {
	axis := func(s Scale) Axis {
		text := func(v float64) string { return fmt.Sprint(v) }
		return Axis{"<axis>", s, text, text}
	}
	for name, svg := range map[string]string{
		"no bars":     (&Bars{}).SVG("a"),
		"bars of 0":   (&Bars{Groups: []Group{{Label: "a & b", Bars: []Bar{{Name: "x", Text: "0", Dots: []float64{0, 0}}}}}}).SVG("a"),
		"large bars":  (&Bars{Groups: []Group{{Bars: []Bar{{Series: 99, Value: 1e18, High: 1e18}, {Value: 1}}}}}).SVG("a"),
		"no parts":    (&Stack{Wholes: []Whole{{Name: "<x>"}}}).SVG("a"),
		"parts of 0":  (&Stack{Wholes: []Whole{{Parts: []Part{{Name: `"`}}}}}).SVG("a"),
		"no lines":    (&Lines{X: axis(NewLinear(1)), Y: axis(NewLinear(1))}).SVG("a"),
		"one point":   (&Lines{X: axis(NewLog(1, 1)), Y: axis(NewLinear(0)), Series: []Series{{Name: "&", Points: []Point{{X: 1, Open: true}}}}}).SVG("a"),
		"points off":  (&Lines{X: axis(NewLog(10, 100)), Y: axis(NewLog(10, 100)), Series: []Series{{Points: []Point{{High: 1e18}, {X: 1e18, Y: 1e18}}}}}).SVG("a"),
		"many series": (&Lines{X: axis(NewNines(50, true)), Y: axis(NewShares(0)), Series: make([]Series, 20)}).SVG("a"),
	} {
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: there are numbers that are none: %s", name, svg)
		}
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}

// Of two wholes of one row the ends of their names say which is which.
func TestALongNameOfAWholeIsWhole(t *testing.T) {
	const name = "split, 64 bytes, first packets of flows, CPUs middle: culvert-other"
	svg := (&Stack{Wholes: []Whole{{Name: name, Parts: []Part{{Name: "parse", Value: 1}}}}}).SVG("a")
	for word := range strings.FieldsSeq(name) {
		if !strings.Contains(svg, word) {
			t.Errorf("%q is not in %s", word, svg)
		}
	}
}

// As a browser draws them, a label of 46 characters and more reached a note of 12.
func TestALabelKeepsClearOfTheNoteBesideIt(t *testing.T) {
	svg := (&Bars{Groups: []Group{{Label: "split, 64 bytes, NORMAL, unknown destination, CPUs middle", Notes: []string{"≥ 1.41 × ovs"}}}}).SVG("a")
	for _, want := range []string{">split, 64 bytes, NORMAL, unknown destination,<", ">≥ 1.41 × ovs<", ">CPUs middle<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("%q is not in %s", want, svg)
		}
	}
}

// In black and white, series differ by their marks.
func TestMarksDifferInShape(t *testing.T) {
	seen := make(map[string]bool)
	for i := range 4 {
		var c canvas
		c.mark(i, 10, 10, false, "")
		shape, _, _ := strings.Cut(c.b.String(), " class=")
		seen[shape] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d shapes of 4 marks: %v", len(seen), seen)
	}
}

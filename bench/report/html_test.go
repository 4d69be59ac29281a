package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
)

// An element of a page, as far as tests look at it.
type element struct {
	name   string
	attr   map[string]string
	text   string // its own and that of all in it
	within []string
}

// parse reads a page and returns its elements in the order in which they end; everything must be closed that has to be.
func parse(t *testing.T, page []byte) (all []element) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				t.Fatalf("not closed: %v", open)
			}
			return all
		}
		if err != nil {
			t.Fatalf("at byte %d: %v", d.InputOffset(), err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := element{name: x.Name.Local, attr: make(map[string]string)}
			for _, o := range open {
				e.within = append(e.within, o.name)
			}
			for _, a := range x.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			open = append(open, e)
		case xml.CharData:
			for i := range open {
				open[i].text += string(x)
			}
		case xml.EndElement:
			last := open[len(open)-1]
			if last.name != x.Name.Local {
				t.Fatalf("</%s> closes <%s>", x.Name.Local, last.name)
			}
			all, open = append(all, last), open[:len(open)-1]
		}
	}
}

func named(all []element, name string) (list []element) {
	for _, e := range all {
		if e.name == name {
			list = append(list, e)
		}
	}
	return list
}

func render(t *testing.T, run *result.Run) []byte {
	t.Helper()
	if err := run.Check(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := HTML(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPageHasAllThatARunHas(t *testing.T) {
	all := parse(t, render(t, sampleRun()))
	var heads []string
	for _, h := range named(all, "h2") {
		heads = append(heads, h.text)
	}
	want := []string{"What came out", "Contenders side by side", "By number of flows", "Latency", "Cycles by stage", "Loss against load", "What else was measured", "All figures", "How it was measured", "Machine and versions", "Every window"}
	if !slices.Equal(heads, want) {
		t.Errorf("got headings %q\nwant %q", heads, want)
	}
	text := named(all, "body")[0].text
	for _, part := range []string{
		"Between vhost-user ports", "9 September 2001, 01:46 UTC", "22.11", "isolcpus=1", "make bench VHOST=", "≥ 1.5", "100 k", "99.99", "all others",
		"the generator was the limit", "left out: " + hostile, "1 window left out",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	if n := len(named(all, "svg")); n != 7 {
		t.Errorf("%d charts, want 7: two of contenders, flows, latency, stages, loss, one of the rest", n)
	}
}

func TestAPageNeedsNothingElse(t *testing.T) {
	page := render(t, sampleRun())
	for _, e := range parse(t, page) {
		if slices.Contains([]string{"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use", "foreignObject"}, e.name) {
			t.Errorf("there is a <%s>", e.name)
		}
		for k, v := range e.attr {
			if strings.HasPrefix(k, "on") || k == "href" || k == "src" || k == "style" || k != "xmlns" && strings.Contains(v, "://") {
				t.Errorf("<%s %s=%q>", e.name, k, v)
			}
		}
	}
	for _, wrong := range []string{"url(", "@import", "@font-face"} {
		if strings.Contains(styleText, wrong) {
			t.Errorf("the style has %s", wrong)
		}
	}
	for _, want := range []string{"prefers-color-scheme: dark", "@media print", "max-width: 34rem"} {
		if !strings.Contains(styleText, want) {
			t.Errorf("the style has no %s", want)
		}
	}
}

// A text of the file is shown as it is, everywhere, and is never part of the page.
func TestTextsOfTheFileAreTexts(t *testing.T) {
	run := sampleRun()
	run.Title, run.Setup.Generator, run.Rows[0].Name = hostile, hostile, hostile
	run.Rows[0].Measures[0].Name, run.Rows[0].Measures[0].Unit = hostile, hostile
	for i := range run.Rows[0].Windows {
		w := &run.Rows[0].Windows[i]
		w.Figures = map[string]float64{hostile: w.Figures["rate"]}
		w.Contender = strings.Replace(w.Contender, "ovs", hostile, 1)
	}
	run.Rows[0].Contenders[1] = result.Contender{Name: hostile, Version: hostile, Config: []string{hostile}}
	run.Rows[0].Traffic.Rules = []string{hostile}
	run.Rows[5].Windows[0].Stages[0].Name = hostile
	all := parse(t, render(t, run))
	if n := len(named(all, "script")); n > 0 {
		t.Errorf("%d scripts", n)
	}
	if got := named(all, "title")[0].text; got != hostile {
		t.Errorf("the title is %q", got)
	}
	if n := strings.Count(named(all, "body")[0].text, hostile); n < 20 {
		t.Errorf("the text is shown %d times", n)
	}
}

func TestChartsCanBeReadWithoutBeingSeen(t *testing.T) {
	all := parse(t, render(t, sampleRun()))
	texts := make(map[string]string) // by id
	for _, e := range all {
		if id := e.attr["id"]; id != "" {
			if _, twice := texts[id]; twice {
				t.Errorf("two elements have the id %q", id)
			}
			texts[id] = e.text
		}
	}
	for _, svg := range named(all, "svg") {
		if svg.attr["role"] != "img" {
			t.Errorf("a chart of role %q", svg.attr["role"])
		}
		ids := strings.Fields(svg.attr["aria-labelledby"])
		if len(ids) != 2 || len(texts[ids[0]]) < 4 || len(texts[ids[1]]) < 20 {
			t.Errorf("a chart is described by %q: %q", ids, texts[ids[0]])
		}
	}
	if figures, tables := len(named(all, "figure")), len(named(all, "table")); tables != figures+2 {
		t.Errorf("%d figures and %d tables: want one for each, that of all figures and that of all windows", figures, tables)
	}
	if h := named(all, "html")[0]; h.attr["lang"] != "en" || len(named(all, "h1")) != 1 || len(named(all, "main")) != 1 {
		t.Errorf("got html %v, %d h1, %d main", h.attr, len(named(all, "h1")), len(named(all, "main")))
	}
}

var number = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?`)

// What is drawn is inside the chart, and every element has a class that the style knows.
func TestChartsKeepToTheirPlace(t *testing.T) {
	all := parse(t, render(t, sampleRun()))
	for _, svg := range named(all, "svg") {
		box := number.FindAllString(svg.attr["viewBox"], -1)
		if len(box) != 4 || box[2] != "440" {
			t.Errorf("view box %q", svg.attr["viewBox"])
		}
	}
	for _, e := range all {
		if !slices.Contains(e.within, "svg") || e.name == "title" || e.name == "desc" {
			continue
		}
		for class := range strings.FieldsSeq(e.attr["class"]) {
			if !strings.Contains(styleText, "."+class) {
				t.Errorf("<%s class=%q>: the style does not know it", e.name, class)
			}
		}
		for _, k := range []string{"x", "cx", "width", "y", "cy", "height", "points"} {
			for _, n := range number.FindAllString(e.attr[k], -1) {
				if v, err := strconv.ParseFloat(n, 64); err != nil || v < -1 || k != "y" && k != "cy" && k != "points" && v > 440 {
					t.Errorf("<%s %s=%q>", e.name, k, e.attr[k])
				}
			}
		}
		if strings.Contains(e.attr["d"], "NaN") || strings.Contains(e.attr["d"], "Inf") {
			t.Errorf("a path of %q", e.attr["d"])
		}
	}
}

func TestARunWithoutWindowsIsAPage(t *testing.T) {
	all := parse(t, render(t, runOf()))
	if len(named(all, "svg")) != 0 || named(all, "h1")[0].text != "Between vhost-user ports" {
		t.Error("it shows something else than its title")
	}
}

// FuzzHTML: every run that is taken has a page and a table, and the page is whole.
func FuzzHTML(f *testing.F) {
	for _, run := range []*result.Run{sampleRun(), runOf()} {
		text, err := json.Marshal(run)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		run, err := result.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		all := parse(t, render(t, run))
		if len(named(all, "script")) > 0 || len(named(all, "h1")) != 1 {
			t.Error("the page is another")
		}
		if err := Text(io.Discard, run); err != nil {
			t.Error(err)
		}
	})
}

// TestWriteAPage writes the page of these tests to the file that CULVERT_PAGE names, to be looked at.
func TestWriteAPage(t *testing.T) {
	path := os.Getenv("CULVERT_PAGE")
	if path == "" {
		t.Skip("CULVERT_PAGE names no file")
	}
	if err := os.WriteFile(path, render(t, sampleRun()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAStageHasOneColourInAllPlots(t *testing.T) {
	costs := func(names ...string) stageCost {
		of := make(map[string]float64)
		for i, n := range names {
			of[n] = float64(10 + i)
		}
		return stageCost{label: "row", names: []string{"culvert"}, of: []map[string]float64{of}}
	}
	all := []stageCost{costs("receive", "actions"), costs("parse", "actions", "transmit")}
	order := gather([]string{"receive", "actions", "parse", "transmit"}, all)
	for i, c := range all {
		f := stageFigure("a", []stageCost{c}, order, 33)
		var legend, line []string
		for k, stage := range f.Legend {
			legend, line = append(legend, stage.Series+" "+stage.Text), append(line, f.Cells[0][2+k].Text)
		}
		want := []string{"10.0 11.0 0 0", "0 11.0 10.0 12.0"}[i]
		if strings.Join(legend, ", ") != "s0 receive, s1 actions, s2 parse, s3 transmit" || strings.Join(line, " ") != want {
			t.Errorf("plot %d: got %q of %q, want %q", i, line, legend, want)
		}
	}
	row := ratesRow("a", 0, mpps("culvert", 0, 1, ""), mpps("culvert", 1, 1, ""))
	row.Windows[0].Stages, row.Windows[1].Stages = []result.Stage{{Name: "receive"}, {Name: "transmit"}}, []result.Stage{{Name: "receive"}, {Name: "parse"}, {Name: "transmit"}, {Name: "idle"}}
	var way []string
	if stageCosts(&row, "culvert", "", &way); strings.Join(way, " ") != "receive parse transmit idle" {
		t.Errorf("stages are in the order %q", way)
	}
	many := []stageCost{costs("a", "b", "c", "d", "e"), costs("f", "g", "h", "i", "j")}
	order = gather(strings.Split("abcdefghij", ""), many)
	if got := strings.Join(order, " "); got != "b c d e h i j "+otherStages || many[0].of[0][otherStages] != 10 || many[1].of[0][otherStages] != 10+11 {
		t.Errorf("got %q, with the others %v and %v", got, many[0].of[0][otherStages], many[1].of[0][otherStages])
	}
}

// A figure that the generator bounded must not look like the switch's own, and windows of no one state of the machine make no curve.
func TestPlotsSayWhatTheyCannotKnow(t *testing.T) {
	run := sampleRun()
	flows := flowSection(Summaries(run)).Figures[0]
	if !strings.Contains(string(flows.SVG), `class="mark open s0"`) || strings.Contains(string(flows.SVG), `class="mark open s1"`) {
		t.Error("want hollow marks where the generator was the limit, and nowhere else")
	}
	if text := flows.Cells[1][1].Text; !strings.HasPrefix(text, "≥ ") {
		t.Errorf("the table says %q, want a bound", text)
	}
	row := &run.Rows[4] // latency
	figures := len(latencySection(run).Figures)
	mixed := row.Windows[0]
	mixed.Round, mixed.Class = 2, result.Mixed
	row.Windows = append(row.Windows, mixed)
	if n := len(latencySection(run).Figures); n != figures {
		t.Errorf("%d plots of latency with a mixed window, %d without", n, figures)
	}
	row.Windows = row.Windows[:2]
	if h := headlines(Summaries(run)); !slices.ContainsFunc(h, func(h headline) bool { return h.Word == "too few windows to tell" }) {
		t.Errorf("got %+v; want it said that two windows are too few", h)
	}
}

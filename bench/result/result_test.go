package result

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
)

// sample is a run with all there can be in it.
func sample() *Run {
	return &Run{
		Schema: Schema, Program: "vhost", Title: "vhost-user ports", Started: time.Unix(1e9, 0).UTC(), Changed: time.Unix(1e9+60, 0).UTC(),
		Machine:  machine.Fingerprint{CPU: "X", CPUs: 2, CPUsPerCore: 1, Nodes: 1, Kernel: "Linux 6.1", Memory: 1 << 32, Mitigations: map[string]string{"mds": "Vulnerable"}},
		Versions: map[string]string{"Go": "go1.26"},
		Setup:    Setup{Deployment: "two guests", Generator: "testpmd", Threads: []Thread{{"switch", 1}}},
		Commands: []string{"culvert bench run"},
		Rows: []Row{{
			Name: "port rule", Traffic: Traffic{Task: "port rule", FrameBytes: 60, Flows: 1024, Rules: []string{"in_port=1,actions=output:2"}},
			Measures: []Measure{
				{Name: "rate", Unit: "packets/s", Better: More, Bounded: true}, {Name: "half within", Unit: "ns", Better: Less, Percentile: 50},
			},
			Contenders: []Contender{{Name: "culvert", Version: "v1"}, {Name: "ovs", Version: "3.1"}},
			Windows: []Window{
				window("culvert", 0, 20), window("ovs", 1, 14), window("ovs", 2, 15), window("culvert", 3, 22),
			},
		}},
	}
}

func window(contender string, turn int, rate float64) Window {
	return Window{
		Contender: contender, Round: 1, Turn: turn, Class: "near", Distance: []float64{70, 80}, Others: []float64{0, 0.01},
		Figures: map[string]float64{"rate": rate * 1e6}, Latency: []Percentile{{50, 3000}, {99, 9000}},
		Stages: []Stage{{"receive", 40}}, Load: []LoadStep{{1e6, 1e6}, {2e6, 1.5e6}},
	}
}

func TestARunComesBackAsItWasSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json")
	r := sample()
	for range 2 { // the second time in the place of the first
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(path)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, r)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestARunThatCannotBeSavedLeavesTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json")
	r := sample()
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Rows[0].Windows[0].Figures["rate"] = math.NaN()
	if err := r.Save(path); err == nil {
		t.Error("a rate that is not a number was saved")
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed: %v", err)
	}
}

// Each of these changes one thing of a right file.
func TestWrongFilesAreRefusedWithAReason(t *testing.T) {
	text, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"nothing", string(text), "", "want the JSON"},
		{"a list", string(text), "[]", "want the JSON"},
		{"another file", string(text), "{}", `no key "schema"`},
		{"a later schema", `"schema":1`, `"schema":2,"more":1`, "schema 2: this program reads 1"},
		{"an unknown key", `"title"`, `"colour":"red","title"`, `unknown field "colour"`},
		{"text behind it", `"rows":`, `"rows":[]}{"rows":`, "after top-level value"},
		{"a number as text", `"round":1`, `"round":"1"`, "cannot unmarshal"},
		{"no program", `"program":"vhost"`, `"program":""`, "run: program: want one"},
		{"escape sequences", `"title":"vhost-user`, `"title":"\u001b[2J`, "printable characters"},
		{"bytes that are not UTF-8", `"title":"vhost-user`, "\"title\":\"\xff", "printable characters"},
		{"a line break in a name", `"name":"port rule"`, `"name":"port\nrule"`, "printable characters"},
		{"a negative rate", `"rate":20000000`, `"rate":-1`, "rate -1: want 0"},
		{"an absurd rate", `"rate":20000000`, `"rate":1e300`, "rate 1e+300"},
		{"a figure of no measure", `"rate":20000000`, `"speed":1`, `figure "speed"`},
		{"an unknown direction", `"better":"more"`, `"better":"red"`, `better "red": want more, less or neither`},
		{"a contender that is not there", `"contender":"ovs","round":1,"turn":1`, `"contender":"vpp","round":1,"turn":1`, `contender "vpp": want one of the row's`},
		{"the same window twice", `"turn":3`, `"turn":0`, "there are two of them"},
		{"round 0", `"round":1`, `"round":0`, "round 0"},
		{"percentiles that fall", `{"percent":99,"ns":9000}`, `{"percent":99,"ns":1}`, "rising"},
		{"a percentile beyond all", `{"percent":99,`, `{"percent":101,`, "above 0 to 100"},
		{"loads that fall", `{"offered":2000000,`, `{"offered":2,`, "rising"},
		{"three CPUs", `"cache_line_ns":[70,80]`, `"cache_line_ns":[70,80,90]`, "at most 2"},
		{"no measures", `"measures":[{"name":"rate","unit":"packets/s","better":"more","bounded_by_generator":true},{"name":"half within","unit":"ns","better":"less","percentile":50}]`, `"measures":[]`, "at least one"},
	} {
		wrong := strings.Replace(string(text), c.old, c.new, 1)
		if wrong == string(text) {
			t.Errorf("%s: the text has no %s", c.name, c.old)
		}
		if _, err := Read(strings.NewReader(wrong)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestARunGoesOnWhereOneBeforeItEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json")
	now := *sample()
	row := now.Rows[0]
	open := func(now Run) *Book {
		t.Helper()
		b, err := Open(path, now)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if err := open(now).Add(row, row.Windows[0]); err != nil {
		t.Fatal(err)
	}
	now.Commands = []string{"culvert bench run --rounds 2"}
	b := open(now)
	if !b.Has("port rule", "culvert", 1, 0) || b.Has("port rule", "culvert", 1, 3) || b.Has("port rule", "ovs", 1, 0) || b.Has("other", "culvert", 1, 0) {
		t.Error("it does not know which windows there are")
	}
	if err := b.Add(row, row.Windows[1]); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil || len(got.Rows) != 1 || !reflect.DeepEqual(got.Rows[0].Windows, row.Windows[:2]) || len(got.Commands) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := b.Add(row, row.Windows[1]); err != nil {
		t.Errorf("the same window again: %v", err)
	}
	now.Machine.CPU = "Y"
	if _, err := Open(path, now); err == nil || !strings.Contains(err.Error(), "CPU: X and Y") {
		t.Errorf("a run of another machine goes on: %v", err)
	}
	if _, err := Open(filepath.Dir(path), now); err == nil {
		t.Error("a folder is taken for a run")
	}
}

func TestWhatDoesNotBelongTogetherIsNotMerged(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Run)
		want   string
	}{
		{"another program", func(r *Run) { r.Program = "afxdp" }, `a run of "vhost" and one of "afxdp"`},
		{"another machine", func(r *Run) { r.Machine.CPUs = 4 }, "CPUs: 2 and 4"},
		{"other traffic", func(r *Run) { r.Rows[0].Traffic.FrameBytes = 1514 }, "other traffic"},
		{"another version", func(r *Run) { r.Rows[0].Contenders[0].Version = "v2" }, `culvert was version "v1", and is "v2" now`},
		{"another configuration", func(r *Run) { r.Rows[0].Contenders[0].Config = []string{"gather: 0s"} }, "culvert was configured otherwise"},
		{"another figure", func(r *Run) { r.Rows[0].Windows[0].Figures["rate"] = 1 }, "not the same one"},
	} {
		a, b := sample(), sample()
		c.change(b)
		if err := a.Merge(b); err == nil || !strings.Contains(err.Error(), c.want) || !reflect.DeepEqual(a, sample()) {
			t.Errorf("%s: got %v, want %q, and the run as before", c.name, err, c.want)
		}
	}
	a, b := sample(), sample()
	b.Rows[0].Windows = []Window{window("culvert", 4, 30)}
	b.Rows = append(b.Rows, Row{Name: "other"})
	if err := a.Merge(b); err != nil || len(a.Rows) != 2 || len(a.Rows[0].Windows) != 5 {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestWhichWindowsCount(t *testing.T) {
	r := sample().Rows[0]
	rate, half := r.Measures[0], r.Measures[1]
	r.Windows = []Window{window("culvert", 0, 20), window("culvert", 1, 21), window("culvert", 2, 5), window("culvert", 3, 9), window("ovs", 4, 1), window("culvert", 5, 8)}
	r.Windows[1].LeftOut = "looked up otherwise"
	r.Windows[2].Disturbed = "others used 50 %"
	r.Windows[3].Class = "far"
	r.Windows[3].Disturbed = "waited"
	r.Windows[5].Limited = true
	for _, c := range []struct {
		name, class string
		m           Measure
		want        Figures
	}{
		{"calm ones of a class", "near", rate, Figures{Values: []float64{20e6, 8e6}, Limited: 1}},
		{"disturbed ones where there are no others", "far", rate, Figures{Values: []float64{9e6}, Disturbed: true}},
		{"percentiles, which no generator limits", "near", half, Figures{Values: []float64{3000, 3000}}},
		{"another class", "mixed", rate, Figures{}},
		{"another measure", "near", Measure{Name: "cycles"}, Figures{}},
	} {
		if got := r.Figures("culvert", c.class, c.m); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := r.Classes(); !reflect.DeepEqual(got, []string{"near", "far"}) {
		t.Errorf("got classes %q", got)
	}
}

// FuzzRead: whatever is taken can be saved and read again, and is the same then.
func FuzzRead(f *testing.F) {
	text, err := json.Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema":1,"program":"x","rows":[{"name":"a","measures":[{"name":"m","better":"less"}],"contenders":[{"name":"c"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(bytes.NewReader(text))
		if err != nil || !same(r, again) {
			t.Fatalf("%v: %s\nand then %+v", err, text, again)
		}
		if err := again.Merge(r); err != nil || !same(r, again) {
			t.Fatalf("a run with itself: %v", err)
		}
	})
}

func TestACommandLineCanBeGivenToAShell(t *testing.T) {
	got := CommandLine("culvert bench run", []string{"--rows", "0,1", "--options", "gather: 0s", "it's", "", "a\n\\'b"})
	if want := `culvert bench run --rows 0,1 --options 'gather: 0s' 'it'\''s' '' $'a\n\\\'b'`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestWindowsAreClassedByAllOfTheirRuns(t *testing.T) {
	probed := func(turn int, before, after float64) Window {
		return Window{Contender: "culvert", Round: 1, Turn: turn, Class: "near", Distance: []float64{before, after}}
	}
	a, b := &Run{Rows: []Row{{Windows: []Window{probed(0, 200, 240), probed(1, 260, 247)}}}}, &Run{Rows: []Row{{Windows: []Window{probed(0, 255, 90), {Class: "far"}}}}}
	Classify(a, b)
	for i, want := range []string{"middle", "middle", Mixed, "far"} {
		if got := slices.Concat(a.Rows[0].Windows, b.Rows[0].Windows)[i].Class; got != want {
			t.Errorf("window %d: %q, want %q", i, got, want)
		}
	}
}

func TestAWindowStaysTheSameWhateverClassOthersMakeIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json")
	r := sample()
	b, err := Open(path, *r)
	if err != nil {
		t.Fatal(err)
	}
	for turn, probe := range []float64{100, 103, 400} {
		row := sample().Rows[0]
		if err := b.Add(row, Window{Contender: "culvert", Round: 1, Turn: turn, Distance: []float64{probe, probe}}); err != nil {
			t.Fatal(err)
		}
	}
	before := *b
	again, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Rows[0].Windows[0].Class = "as others had it"
	if err := again.Merge(&before.Run); err != nil || len(again.Rows[0].Windows) != 3 {
		t.Errorf("%d windows, %v", len(again.Rows[0].Windows), err)
	}
	if got := b.Rows[0].Classes(); !slices.Equal(got, []string{"near", "far"}) {
		t.Errorf("classes %q", got)
	}
}

func TestAFigureMayBeTheSwitchsWhereTheGeneratorWasTheLimitOfOthers(t *testing.T) {
	rate, burst := Measure{Name: "rate", Unit: "packets/s", Better: More, Bounded: true}, Measure{Name: "burst", Unit: "frames", Better: More, Bounded: true}
	w := Window{Contender: "a", Round: 1, Limited: true, Exact: []string{"burst"}, Figures: map[string]float64{"rate": 1e6, "burst": 100}}
	row := Row{Name: "row", Measures: []Measure{rate, burst}, Contenders: []Contender{{Name: "a"}}, Windows: []Window{w}}
	if n, m := row.Figures("a", "", rate).Limited, row.Figures("a", "", burst).Limited; n != 1 || m != 0 {
		t.Errorf("%d windows are limited in the rate and %d in the burst, want 1 and 0", n, m)
	}
	run := Run{Schema: Schema, Program: "bench", Rows: []Row{row}}
	if err := run.Check(); err != nil {
		t.Error(err)
	}
	run.Rows[0].Windows[0].Exact = []string{"no such"}
	if err := run.Check(); err == nil {
		t.Error("a figure that is not there is taken")
	}
}

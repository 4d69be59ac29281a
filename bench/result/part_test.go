package result

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// begun returns the path of a run that was begun with these files, and has windows.
func begun(t *testing.T, programs map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.json")
	now := *sample()
	now.Programs = programs
	b, err := Open(path, now)
	if err != nil {
		t.Fatal(err)
	}
	row := sample().Rows[0]
	b.Begin(Part{Generator: 2e7, Distance: []float64{70, 80}})
	if err := b.Add(row, row.Windows[:2]...); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestARunIsResumedWithTheFilesThatItWasBegunWith(t *testing.T) {
	one, two := map[string]string{"culvert": "aa"}, map[string]string{"culvert": "aa", "culvert-other": "bb"}
	for _, c := range []struct {
		name      string
		then, now map[string]string
		want      string // in the error; "": there is none
	}{
		{"the same one", one, one, ""},
		{"the same two", two, two, ""},
		{"another build of the first", one, map[string]string{"culvert": "cc"}, "culvert was another file, of SHA-256 aa, and is of cc now"},
		{"another build of the second", two, map[string]string{"culvert": "aa", "culvert-other": "cc"}, "culvert-other was another file"},
		{"a second one", one, two, "begun without culvert-other"},
		{"no second one", two, one, "begun with culvert-other, which does not take part now"},
		{"a run that did not say", nil, one, "does not say of which file culvert was"},
		{"figures of somebody else for a run", one, nil, ""},
	} {
		now := *sample()
		now.Programs = c.now
		_, err := Open(begun(t, c.then), now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestARunIsNotResumedWithOtherWindowsAnotherGeneratorOrPriority(t *testing.T) {
	programs := map[string]string{"culvert": "aa"}
	longer, faster, before := *sample(), *sample(), *sample()
	longer.Programs, faster.Programs, before.Programs = programs, programs, programs
	before.Setup.Nice = -10
	longer.Setup.Windows, faster.Setup.Generator = "5 s each", "another"
	for _, now := range []Run{longer, faster, before} {
		if _, err := Open(begun(t, programs), now); err == nil {
			t.Errorf("%+v: it goes on", now.Setup)
		}
	}
}

func TestEachWindowSaysInWhichPartOfItsRunItWasMeasured(t *testing.T) {
	path := begun(t, nil)
	b, err := Open(path, *sample())
	if err != nil {
		t.Fatal(err)
	}
	row := sample().Rows[0]
	b.Begin(Part{Generator: 1e7, Distance: []float64{400, 410}})
	if err := b.Add(row, row.Windows[2:]...); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var parts []int
	for _, w := range got.Rows[0].Windows {
		parts = append(parts, w.Part)
	}
	if !slices.Equal(parts, []int{1, 1, 2, 2}) || len(got.Parts) != 2 || got.Parts[0].Generator != 2e7 || got.Parts[1].Generator != 1e7 {
		t.Errorf("windows of parts %v; parts %+v", parts, got.Parts)
	}
	if list := got.PartsOf(&got.Rows[0]); !slices.Equal(list, []int{1, 2}) {
		t.Errorf("the row is of parts %v", list)
	}
	got.Rows[0].Windows[0].Part = 3
	if err := got.Check(); err == nil {
		t.Error("a window of a part that is not there is taken")
	}
}

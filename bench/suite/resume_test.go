package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

func TestARunIsNotResumedWithAnotherBuild(t *testing.T) {
	dir := t.TempDir()
	build := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("build "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first, second := build("first"), build("second")
	o := Options{Culvert: first, Other: second, File: filepath.Join(dir, "run.json")}
	book, err := o.open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	book.Begin(result.Part{Generator: 1e7})
	w := sampleOf(Cell{rowOf(t, "port"), "split", 64}, "culvert", 0, 1, 70, 70, 0)
	if err := book.Add(w.row(), w.result()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.open(t.Context(), nil); err != nil {
		t.Errorf("with the same files: %v", err)
	}
	for _, c := range []struct{ culvert, other, want string }{
		{first, first, "culvert-other was another file"},
		{second, second, "culvert was another file"},
		{first, "", "begun with culvert-other"},
		{first, filepath.Join(dir, "nowhere"), "no such file"},
	} {
		o.Culvert, o.Other = c.culvert, c.other
		if _, err := o.open(t.Context(), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("--culvert %s --other %s: got %v, want %q", filepath.Base(c.culvert), filepath.Base(c.other), err, c.want)
		}
	}
}

// A cell in turns is measured anew as a whole: who takes no part in that would have no windows any more.
func TestARunIsNotResumedWithoutOneWhoTookPart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	s, _ := beside(t, file, 0)
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, _ = beside(t, file, 0)
	if err := s.fits(); err != nil {
		t.Errorf("with the same switches: %v", err)
	}
	cells, err := s.o.cells(Rows())
	if err != nil {
		t.Fatal(err)
	}
	s.turns = s.o.turns(cells, []switches.Switch{named("culvert")})
	if err := s.fits(); err == nil || !strings.Contains(err.Error(), "windows of ovs") {
		t.Errorf("without ovs: got %v, want an error", err)
	}
}

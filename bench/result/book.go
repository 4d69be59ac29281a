package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A Book is a run that grows window by window and is kept in a file all the time: a run that was broken off goes on where it
// ended.
type Book struct {
	Run
	path string // "" keeps it in memory
	part int    // that windows are of; 0: none was begun
}

// Open returns a book with what the file has of a run of the same program on the same machine, or an empty one where there is
// no file. now is the run that goes on, without rows; its commands are added to those of the file. It is an error when now has [Run.Programs] and the file
// has others, or windows and a generator of another kind.
func Open(path string, now Run) (*Book, error) {
	now.Schema, now.Rows = Schema, nil
	if now.Started.IsZero() {
		now.Started = time.Now().UTC().Truncate(time.Second)
	}
	b := &Book{Run: now, path: path}
	if path == "" {
		return b, nil
	}
	before, err := Load(path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	err = now.resumes(before)
	if err == nil {
		err = before.Merge(&now)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: take another file", path, err)
	}
	b.Run = *before
	b.Setup.Missing = now.Setup.Missing
	return b, nil
}

// Has reports whether a window is there already.
func (b *Book) Has(row, contender string, round, turn int) bool {
	i := b.Index(row)
	return i >= 0 && b.Rows[i].has(contender, round, turn)
}

func (r *Row) has(contender string, round, turn int) bool {
	return slices.ContainsFunc(r.Windows, func(w Window) bool {
		return w.Contender == contender && w.Round == round && w.Turn == turn
	})
}

// Add adds windows to the row of that name, classes all windows anew and saves all. A row that is there already must have the same traffic, measures and
// versions.
func (b *Book) Add(row Row, windows ...Window) error {
	row.Windows = slices.Clone(windows)
	for i := range row.Windows {
		row.Windows[i].Part = b.part
	}
	one := Run{Schema: Schema, Program: b.Program, Machine: b.Machine, Changed: time.Now().UTC(), Parts: b.Parts, Rows: []Row{row}}
	if err := one.Check(); err != nil {
		return err
	}
	if err := b.Merge(&one); err != nil {
		return err
	}
	Classify(&b.Run)
	if b.path == "" {
		return nil
	}
	return b.Save(b.path)
}

// Forget forgets the windows of a row's round, which is to be measured anew as a whole.
func (b *Book) Forget(row string, round int) {
	if i := b.Index(row); i >= 0 {
		b.Rows[i].Windows = slices.DeleteFunc(b.Rows[i].Windows, func(w Window) bool { return w.Round == round })
	}
}

// Merge adds what another run of the same program on the same machine has measured: rows, and windows of rows. A window that both have
// must be the same in both. r is as before when it returns an error.
func (r *Run) Merge(other *Run) error {
	if r.Program != other.Program {
		return fmt.Errorf("a run of %q and one of %q", cut(r.Program), cut(other.Program))
	}
	if d := r.Machine.Differences(other.Machine); len(d) > 0 {
		return fmt.Errorf("of two machines: %s", strings.Join(d, "; "))
	}
	rows := slices.Clone(r.Rows)
	for i := range other.Rows {
		add := &other.Rows[i]
		at := r.Index(add.Name)
		if at < 0 {
			rows = append(rows, *add)
			continue
		}
		merged, err := merge(rows[at], add)
		if err != nil {
			return fmt.Errorf("row %q: %w", cut(add.Name), err)
		}
		rows[at] = merged
	}
	r.Rows = rows
	r.adopt(other)
	return nil
}

// adopt takes over what belongs to no row.
func (r *Run) adopt(other *Run) {
	for _, c := range other.Commands {
		if !slices.Contains(r.Commands, c) {
			r.Commands = append(r.Commands, c)
		}
	}
	for name, version := range other.Versions {
		if r.Versions == nil {
			r.Versions = make(map[string]string)
		}
		if _, ok := r.Versions[name]; !ok {
			r.Versions[name] = version
		}
	}
	if other.Changed.After(r.Changed) {
		r.Changed = other.Changed
	}
}

// merge returns a row with another's windows.
func merge(r Row, add *Row) (Row, error) {
	if !same(r.Traffic, add.Traffic) || !same(r.Measures, add.Measures) {
		return r, errors.New("it was measured with other traffic, or for other figures")
	}
	r.Contenders, r.Windows = slices.Clone(r.Contenders), slices.Clone(r.Windows)
	for _, c := range add.Contenders {
		switch before, ok := r.Contender(c.Name); {
		case !ok:
			r.Contenders = append(r.Contenders, c)
		case before.Version != c.Version:
			return r, fmt.Errorf("%s was version %q, and is %q now", cut(c.Name), cut(before.Version), cut(c.Version))
		case !slices.Equal(before.Config, c.Config):
			return r, fmt.Errorf("%s was configured otherwise", cut(c.Name))
		}
	}
	for _, w := range add.Windows {
		i := slices.IndexFunc(r.Windows, func(b Window) bool {
			return b.Contender == w.Contender && b.Round == w.Round && b.Turn == w.Turn
		})
		switch {
		case i < 0:
			r.Windows = append(r.Windows, w)
		case !sameWindow(r.Windows[i], w):
			return r, fmt.Errorf("both have %s's window of round %d, turn %d, and not the same one", cut(w.Contender), w.Round, w.Turn)
		}
	}
	return r, nil
}

// sameWindow reports whether two windows are the same, whatever class others have made them.
func sameWindow(a, b Window) bool {
	if len(a.Distance) == 2 {
		a.Class, b.Class = "", ""
	}
	return same(a, b)
}

// same reports whether two values are the same in a file, where an empty list is as good as none.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

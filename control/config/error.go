package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// An Error is one thing that is wrong in a configuration.
type Error struct {
	Place
	Key     string // "bridges[0].ports[1].number"; empty when the text could not be read that far
	Problem string // "want ..., found ..."
}

// Error returns the error on one line: place, key, problem.
func (e Error) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s: %s", e.Place, e.Problem)
	}
	return fmt.Sprintf("%s: %s: %s", e.Place, e.Key, e.Problem)
}

// Errors is everything that is wrong in a configuration, in the order of the file; never empty when
// returned as an error.
type Errors []Error

// Error returns all errors, one a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// String returns the place as compilers write it.
func (p Place) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// sorted puts the errors of the configuration file itself first, then those of other files, each in
// the order of lines.
func (e Errors) sorted(main string) Errors {
	slices.SortStableFunc(e, func(a, b Error) int {
		if (a.File == main) != (b.File == main) {
			if a.File == main {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}

// Unreadable says that the file at path cannot be read, because of err.
func Unreadable(path string, err error) Errors {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is said already
	}
	return Errors{{Place: Place{File: path}, Problem: "cannot be read: " + err.Error()}}
}

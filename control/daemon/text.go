package daemon

import (
	"errors"
	"strings"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A text is what a request has in ovs-ofctl's words: rules, groups, meters, options or a packet, one a line.
type text struct {
	name  string // of the file the lines come from, or what each is
	lines []string
}

// readLines reads the lines of a text, all or none, and says which line each came from. Blank lines and what
// follows a # say nothing. Mistakes are reported together.
func readLines[T any](t text, read func(string) (T, error)) (all []T, lines []int, err error) {
	var wrong config.Errors
	all, lines = make([]T, 0, len(t.lines)), make([]int, 0, len(t.lines))
	for i, line := range t.lines {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		one, err := read(line)
		if err != nil {
			wrong = append(wrong, t.mistake(i+1, err))
			continue
		}
		all, lines = append(all, one), append(lines, i+1)
	}
	if len(wrong) > 0 {
		return nil, nil, ConfigError(wrong)
	}
	return all, lines, nil
}

// readOne reads a text that has one line.
func readOne[T any](name, line string, read func(string) (T, error)) (T, error) {
	one, err := read(line)
	if err != nil {
		t := text{name: name}
		err = ConfigError(config.Errors{t.mistake(1, err)})
	}
	return one, err
}

// mistake says what is wrong with a line, counted from 1.
func (t *text) mistake(line int, err error) config.Error {
	e := config.Error{Place: config.Place{File: t.name, Line: line}, Problem: err.Error()}
	var at *openflow.SyntaxError
	if errors.As(err, &at) {
		e.Column, e.Problem = at.Col, at.Problem
	}
	return e
}

// refused says why what was read without mistakes cannot be done: what it names is not there, or is already,
// or there is no room for it. Anything else is a mistake in what was written.
func refused(err error) error {
	var sent *api.Error
	switch is := func(e error) bool { return errors.Is(err, e) }; {
	case err == nil, errors.As(err, &sent):
		return err
	case is(flow.ErrOptionMapped), is(flow.ErrFieldMapped), is(openflow.ErrGroupExists), is(openflow.ErrMeterExists),
		is(openflow.ErrMirrorExists):
		return api.Errorf(api.Exists, "%v", err)
	case is(openflow.ErrNoGroup), is(openflow.ErrNoMeter), is(openflow.ErrNoMirror):
		return api.Errorf(api.NotFound, "%v", err)
	case is(flow.ErrOptionsFull), is(openflow.ErrOptionUsed), is(meter.ErrFull), is(openflow.ErrMirrorsFull):
		return api.Errorf(api.Failed, "%v", err)
	}
	return api.Mistake("", err)
}

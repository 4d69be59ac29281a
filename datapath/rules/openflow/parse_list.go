package openflow

import (
	"errors"
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// limitActions bounds a rule's actions: about what fits into an OpenFlow message. limitNesting bounds how
// deep lists of actions stand within each other.
const (
	limitActions = 4096
	limitNesting = 32
)

// An argument is what stands behind the name of an action.
type argument struct {
	name  string // the action's
	text  string
	at    int // where text starts in the list that the action stands in
	ports flow.PortNames
	depth int // lists around that list
}

// none refuses an argument for actions that take none.
func (arg argument) none() error {
	if arg.text != "" {
		return fmt.Errorf("want no argument, found %q", arg.text)
	}
	return nil
}

// list reads the argument as a list of actions that stands within another.
func (arg argument) list() ([]Action, error) {
	if arg.depth == limitNesting {
		return nil, fmt.Errorf("want lists of actions at most %d deep", limitNesting)
	}
	list, at, err := parseList(arg.text, arg.ports, arg.depth+1)
	if err == nil {
		if i, bad := checkNested(list); bad != nil {
			err = &SyntaxError{Col: at[i] + 1, Problem: bad.Error()}
		}
	}
	var se *SyntaxError
	if errors.As(err, &se) {
		se.Col += arg.at
	}
	return list, err
}

// ParseActions reads a list of actions as it stands behind "actions=". An error is a [*SyntaxError]
// that counts columns from the start of s. ports, when not nil, knows ports by name.
func ParseActions(s string, ports flow.PortNames) ([]Action, error) {
	list, at, err := parseList(s, ports, 0)
	if err != nil {
		return nil, err
	}
	if i, err := checkList(list); err != nil {
		return nil, &SyntaxError{Col: at[i] + 1, Problem: err.Error()}
	}
	return list, nil
}

// parseList reads a list of actions and where in s each of them starts.
func parseList(s string, ports flow.PortNames, depth int) (list []Action, at []int, err error) {
	drop := -1 // where it says drop
	c := cursor{s: s}
	for c.skip(", \t\r\n"); c.more(); c.skip(", \t\r\n") {
		start := c.pos
		name, text, textAt, err := c.action()
		if err != nil {
			return nil, nil, err
		}
		if strings.EqualFold(name, "drop") && text == "" {
			drop = start
			continue
		}
		a, err := parseAction(argument{name, text, textAt, ports, depth})
		if err != nil {
			var se *SyntaxError
			if !errors.As(err, &se) { // not from a list within
				se = &SyntaxError{Col: start + 1, Problem: err.Error()}
			}
			return nil, nil, se
		}
		if a == nil { // an instruction without effect
			continue
		}
		if len(list) == limitActions {
			return nil, nil, &SyntaxError{Col: start + 1, Problem: fmt.Sprintf("want at most %d actions", limitActions)}
		}
		list, at = append(list, a), append(at, start)
	}
	if drop >= 0 && len(list) > 0 {
		return nil, nil, &SyntaxError{Col: drop + 1, Problem: "drop: want no other action beside it"}
	}
	return list, at, nil
}

package openflow

import (
	"fmt"
	"strings"
)

// A SyntaxError is a mistake in the text of a flow.
type SyntaxError struct {
	File    string // name given to ParseFlows; empty for a single flow
	Line    int    // from 1; 0 for a single flow
	Col     int    // from 1, in bytes
	Problem string // what was expected and what was found
}

// Error returns the mistake behind its position.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("column %d: %s", e.Col, e.Problem)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Problem)
}

// A cursor goes through a list of actions.
type cursor struct {
	s   string
	pos int
}

func (c *cursor) more() bool { return c.pos < len(c.s) }

// skip passes over bytes of set.
func (c *cursor) skip(set string) {
	for c.more() && strings.IndexByte(set, c.s[c.pos]) >= 0 {
		c.pos++
	}
}

// action reads one action: name, name:argument, name=argument or name(argument). The argument of the
// forms with : and = ends at a comma or white space outside of parentheses and quotes. In name(argument)->field
// all behind the first parenthesis is the argument. at is where it starts.
func (c *cursor) action() (name, arg string, at int, err error) {
	start := c.pos
	c.until(":=(, \t\r\n")
	name = c.s[start:c.pos]
	if !c.more() {
		return name, "", c.pos, nil
	}
	switch c.s[c.pos] {
	case ':', '=':
		c.pos++
		from := c.pos
		c.until(", \t\r\n")
		return name, c.s[from:c.pos], from, nil
	case '(':
		from := c.pos
		c.until(", \t\r\n")
		if closing := matching(c.s[from:c.pos]); strings.HasPrefix(c.s[from+closing:c.pos], ")->") {
			return name, c.s[from+1 : c.pos], from + 1, nil
		}
		if c.s[c.pos-1] != ')' || strings.Count(c.s[from:c.pos], "(") != strings.Count(c.s[from:c.pos], ")") {
			return "", "", 0, &SyntaxError{Col: from + 1, Problem: fmt.Sprintf("%s: want ) at the end of the argument, found %q", name, c.s[from:c.pos])}
		}
		return name, c.s[from+1 : c.pos-1], from + 1, nil
	}
	return name, "", c.pos, nil
}

// matching returns where in s the parenthesis is closed that s begins with, 0 if it is not.
func matching(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return 0
}

// until moves to the first byte of set that is outside of parentheses and double quotes, or to the end.
func (c *cursor) until(set string) {
	depth, quoted := 0, false
	for ; c.more(); c.pos++ {
		b := c.s[c.pos]
		if depth == 0 && !quoted && strings.IndexByte(set, b) >= 0 {
			return
		}
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '(':
			depth++
		case b == ')' && depth > 0:
			depth--
		}
	}
}

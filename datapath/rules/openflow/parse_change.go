package openflow

import (
	"io"
	"strings"
)

// changeWords are the words that a line of a file of changes may begin with (ovs-ofctl(8), add-flows).
var changeWords = [...]struct {
	word   string
	op     Op
	strict bool
}{
	{"add", OpAdd, false},
	{"modify", OpModify, false}, {"modify_strict", OpModify, true},
	{"delete", OpDelete, false}, {"delete_strict", OpDelete, true},
}

// ParseChange reads a change: one of the words add, modify, modify_strict, delete and delete_strict, and a
// flow or, to delete, a match of flows. A flow alone is one to add. An error is a [*SyntaxError].
func (p Parser) ParseChange(s string) (Change, error) {
	c := Change{Op: OpAdd}
	strict := false
	word, rest, _ := strings.Cut(strings.TrimLeft(s, " \t"), " ")
	at := 0 // of the flow in s
	for _, w := range changeWords {
		if word == w.word {
			c.Op, strict = w.op, w.strict
			at = len(s) - len(rest)
		}
	}
	var err error
	switch c.Op {
	case OpAdd:
		c.Flow, err = p.ParseFlow(s[at:])
	case OpModify:
		c.Mod, err = p.ParseMod(s[at:], strict)
	case OpDelete:
		c.Filter, err = p.ParseFilter(s[at:], strict)
	}
	return c, shifted(err, at)
}

// ParseChanges reads a file of changes, one a line; see [Parser.ParseFlows] for the rest.
func (p Parser) ParseChanges(r io.Reader, name string) ([]Change, error) {
	return parseLines(r, name, p.ParseChange)
}

// ParseFlows reads flows, one a line. Blank lines and what follows a # are ignored, as ovs-ofctl does.
// name names the source in errors. It stops at the first mistake.
func (p Parser) ParseFlows(r io.Reader, name string) ([]Flow, error) {
	return parseLines(r, name, p.ParseFlow)
}

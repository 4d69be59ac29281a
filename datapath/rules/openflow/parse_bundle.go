package openflow

import (
	"errors"
	"strings"
)

// groupWords are what may stand behind group in a line of a bundle file.
var groupWords = [...]string{
	GroupAdd: "add", GroupModify: "modify", GroupAddOrModify: "add_or_mod", GroupDelete: "delete",
	GroupInsertBuckets: "insert_bucket", GroupRemoveBuckets: "remove_bucket",
}

// ParseModification reads a line of a bundle file (ovs-ofctl(8), "Bundle commands"): flow or group, which may be
// left out in front of a flow, what to do, add if nothing is said, and the flow or group. An error is a
// [*SyntaxError]. Packet-outs, which OVS takes there too, are refused: sending a packet cannot be taken back.
func (p Parser) ParseModification(s string) (Modification, error) {
	body := strings.TrimLeft(s, " \t")
	word, rest, _ := strings.Cut(body, " ")
	at := len(s) - len(rest) // of what follows the word
	var m Modification
	var err error
	switch word {
	case "packet-out":
		return m, &SyntaxError{Col: 1, Problem: "want flow or group, found packet-out: send it when the changes are made"}
	case "group":
		m.Group, err = p.parseGroupStep(rest)
	case "flow":
		m.Flow, err = p.ParseChange(rest)
	default:
		at = 0
		m.Flow, err = p.ParseChange(s)
	}
	return m, shifted(err, at)
}

// parseGroupStep reads what stands behind the word group.
func (p Parser) parseGroupStep(s string) (*GroupStep, error) {
	g := &GroupStep{Op: GroupAdd}
	word, rest, _ := strings.Cut(strings.TrimLeft(s, " \t"), " ")
	at := 0
	for op, w := range groupWords {
		if word == w {
			g.Op, at = GroupOp(op), len(s)-len(rest)
		}
	}
	body := strings.TrimSpace(s[at:])
	if g.Op == GroupDelete && (body == "" || body == "group_id=all") {
		g.Mod.ID = NoGroup
		return g, nil
	}
	var err error
	if g.Mod, err = p.ParseGroup(s[at:]); err != nil {
		return nil, shifted(err, at)
	}
	switch g.Op {
	case GroupAdd, GroupModify, GroupAddOrModify:
		if !g.Mod.typed {
			return nil, &SyntaxError{Col: at + 1, Problem: "want type=, found none"}
		}
	}
	return g, nil
}

// shifted makes the column of a syntax error count from n bytes further to the left.
func shifted(err error, n int) error {
	if se := (*SyntaxError)(nil); errors.As(err, &se) {
		se.Col += n
	}
	return err
}

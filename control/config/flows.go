package config

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// inlineRules reads rule text from a list of lines or from one block of lines.
func (r *bridges) inlineRules(v value) []Rule {
	if block, ok := v.node.(*ast.LiteralNode); ok {
		first := block.Start.Position.Line + 1
		return ruleLines(Place{File: r.file, Line: first}, block.Value.Value)
	}
	var list []Rule
	for _, e := range v.list("a list of rules or a block of text (|) with one rule a line") {
		text := ""
		e.text(&text, "a rule such as \"priority=10,in_port=1,actions=output:2\"", nil)
		place := e.place()
		if t := e.node.GetToken().Type; t == token.SingleQuoteType || t == token.DoubleQuoteType {
			place.Column++
		}
		list = append(list, Rule{Text: text, Place: place})
	}
	return list
}

// fileRules reads the rules of a flows-file.
func (r *bridges) fileRules(v value) []Rule {
	name := ""
	v.text(&name, "the name of a file", func(s string) bool { return s != "" })
	if name == "" {
		return nil
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.file), path)
	}
	text, err := r.source.ReadFile(path)
	switch {
	case err != nil:
		v.fail("want a file that can be read, found %v", err)
		return nil
	case len(text) > MaxRules:
		v.fail("want a file of at most %d MiB, found %d MiB", MaxRules>>20, len(text)>>20)
		return nil
	}
	return ruleLines(Place{File: path, Line: 1, Column: 1}, string(text))
}

// ruleLines takes text apart into the rules on its lines. Blank lines and what follows a # hold none,
// as in ovs-ofctl(8). first is the place of the text; its column is 0 when the indentation is unknown.
func ruleLines(first Place, text string) []Rule {
	var list []Rule
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rule := strings.TrimLeft(line, " \t")
		place := first
		if place.Column > 0 {
			place.Column += len(line) - len(rule)
		}
		if rule = strings.TrimSpace(rule); rule != "" {
			list = append(list, Rule{Text: rule, Place: place})
		}
		first.Line++
	}
	return list
}

// Flows parses the bridge's rules and groups. A port that they name has the number that ports gives it;
// options has TunnelOptions. Mistakes are [Errors].
func (b *Bridge) Flows(ports []Port, options *flow.TLVMap) ([]openflow.Flow, []openflow.Group, error) {
	parser := openflow.Parser{Ports: portNames(ports), Options: options}
	flows := make([]openflow.Flow, 0, len(b.Rules))
	var groups []openflow.Group
	var wrong Errors
	for _, r := range b.Groups {
		g, err := parser.ParseGroup(r.Text)
		if err != nil {
			wrong = append(wrong, r.mistake("group: ", err))
			continue
		}
		groups = append(groups, g.Group)
	}
	if len(wrong) == 0 {
		if err := openflow.CheckGroups(groups); err != nil {
			wrong = append(wrong, b.Groups[0].mistake("groups: ", err))
		}
	}
	missing := openflow.MissingGroup(groups)
	for _, r := range b.Rules {
		f, err := parser.ParseFlow(r.Text)
		if err == nil {
			err = f.CheckOptions(options)
		}
		if err == nil {
			err = missing(&f)
		}
		if err != nil {
			wrong = append(wrong, r.mistake("rule: ", err))
			continue
		}
		flows = append(flows, f)
	}
	if len(wrong) > 0 {
		return nil, nil, wrong
	}
	return flows, groups, nil
}

// mistake returns what the parser says of the rule or group, as what says, at its place in the file.
func (r *Rule) mistake(what string, err error) Error {
	e := Error{Place: r.Place, Problem: what + err.Error()}
	var at *openflow.SyntaxError
	if errors.As(err, &at) {
		e.Problem = what + at.Problem
		if e.Column > 0 {
			e.Column += at.Col - 1
		}
	}
	return e
}

// portNames makes the numbers of a bridge's ports known to its rules.
type portNames []Port

// PortNumber implements flow.PortNames.
func (n portNames) PortNumber(name string) (uint32, bool) {
	for _, p := range n {
		if p.Name == name {
			return p.Number, true
		}
	}
	return 0, false
}

// PortName implements flow.PortNames.
func (n portNames) PortName(number uint32) (string, bool) {
	for _, p := range n {
		if p.Number == number {
			return p.Name, true
		}
	}
	return "", false
}

package config

import (
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"
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
		list = append(list, Rule{Text: text, Place: e.place()})
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
	return ruleLines(Place{File: path, Line: 1}, string(text))
}

// ruleLines takes text apart into the rules on its lines. Empty lines and those that start with #
// hold none, as in ovs-ofctl(8).
func ruleLines(first Place, text string) []Rule {
	var list []Rule
	place := first
	for line := range strings.Lines(text) {
		if t := strings.TrimSpace(line); t != "" && t[0] != '#' {
			list = append(list, Rule{Text: t, Place: place})
		}
		place.Line++
	}
	return list
}

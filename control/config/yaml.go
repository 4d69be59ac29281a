package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of what is read. The YAML parser's time grows with the square of nesting and of length, so
// that both need a limit; a rule table of any size belongs in a flows-file, which has none of it.
const (
	// MaxFile is the longest configuration file in bytes: some 5000 ports.
	MaxFile = 512 << 10
	// maxDepth is how deep lists and mappings may nest; the deepest key there is lies at 7.
	maxDepth = 16
)

// parseYAML reads the one document of text into a tree. root is nil when the document is empty.
func parseYAML(name, text string) (root ast.Node, err error) {
	if len(text) > MaxFile {
		return nil, Errors{{Place: Place{File: name}, Problem: fmt.Sprintf(
			"want at most %d KiB, found %d KiB; long rule lists belong in a flows-file", MaxFile>>10, len(text)>>10)}}
	}
	tokens := lexer.Tokenize(text)
	if t := tooDeep(tokens); t != nil {
		return nil, Errors{{Place: placeOf(name, t), Problem: fmt.Sprintf(
			"want lists and mappings nested at most %d deep, found more", maxDepth)}}
	}
	// Duplicate keys are found by the mapping, which can say where the first one stands.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Errors{syntaxError(name, err)}
	}
	var docs []*ast.DocumentNode
	for _, d := range file.Docs {
		if d.Body != nil {
			docs = append(docs, d)
		}
	}
	switch len(docs) {
	case 0:
		return nil, nil
	case 1:
		return docs[0].Body, nil
	}
	return nil, Errors{{Place: placeOf(name, docs[1].Body.GetToken()), Problem: "want one YAML document, found another"}}
}

// tooDeep returns the first token nested too deep, nil when there is none: by brackets, by columns
// of block indentation, or by dashes on one line.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			dashes++
		}
		if brackets > maxDepth || dashes > maxDepth || t.Position.IndentNum > 8*maxDepth {
			return t
		}
	}
	return nil
}

// syntaxError turns the YAML library's error into ours; its own text spans several lines.
func syntaxError(name string, err error) Error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return Error{Place: Place{File: name}, Problem: "not YAML: " + err.Error()}
	}
	return Error{Place: placeOf(name, e.GetToken()), Problem: "not YAML: " + e.GetMessage()}
}

func placeOf(name string, t *token.Token) Place {
	p := Place{File: name}
	if t != nil && t.Position != nil {
		p.Line, p.Column = t.Position.Line, t.Position.Column
	}
	return p
}

// startOf returns the token a reader would point at for n: the first of it.
func startOf(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

// found describes n in an error.
func found(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.AnchorNode:
		return "an anchor (&), which this file may not have"
	case *ast.AliasNode:
		return "an alias (*), which this file may not have"
	case *ast.TagNode:
		return "a tag (!), which this file may not have"
	case *ast.MergeKeyNode:
		return "a merge key (<<), which this file may not have"
	default:
		return fmt.Sprintf("%q", brief(n.GetToken().Value))
	}
}

// brief cuts a text that is too long to quote.
func brief(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

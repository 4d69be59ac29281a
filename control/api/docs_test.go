package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestTheDocumentationNamesEveryMethodAndCode holds docs/api.md to the source.
func TestTheDocumentationNamesEveryMethodAndCode(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, file := range []string{"method.go", "message.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				lit, ok := s.(*ast.ValueSpec).Values[0].(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				named++
				if word := strings.Trim(lit.Value, `"`); !strings.Contains(string(page), "| `"+word+"` |") {
					t.Errorf("docs/api.md does not name %s", word)
				}
			}
		}
	}
	if named < 25 {
		t.Errorf("found only %d methods and codes", named)
	}
}

package vhost

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testsBelow returns the tests in folders of root, each with its package.
func testsBelow(t *testing.T, root string, folders ...string) map[string]declared {
	t.Helper()
	packages := make(map[string]declared)
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			dir := filepath.Dir(path)
			if packages[dir] == nil {
				packages[dir] = make(declared)
			}
			packages[dir].add(file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := make(map[string]declared)
	for _, p := range packages {
		for name := range p {
			if strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") {
				tests[name] = p
			}
		}
	}
	return tests
}

// declared are the functions and variables of a package's tests, by name. Methods of one name are one.
type declared map[string][]ast.Node

func (p declared) add(file *ast.File) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			p[d.Name.Name] = append(p[d.Name.Name], d)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok {
					for _, n := range v.Names {
						p[n.Name] = append(p[n.Name], v)
					}
				}
			}
		}
	}
}

// parts returns the strings that may name a part of a test: those that stand where names stand, in the test and in whatever
// it uses of its package.
func (p declared) parts(test string) map[string]bool {
	names, seen := make(map[string]bool), map[string]bool{test: true}
	for todo := []string{test}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		for _, d := range p[at] {
			ast.Inspect(d, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && !seen[id.Name] && p[id.Name] != nil {
					seen[id.Name] = true
					todo = append(todo, id.Name)
				}
				for _, e := range namesIn(n) {
					if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
						names[strings.Trim(l.Value, `"`)] = true
					}
				}
				return true
			})
		}
	}
	return names
}

// namesIn returns what a node has where names stand: the key of a map, the field called name of a struct or its first one, what
// is assigned to a name, the first argument of a call.
func namesIn(n ast.Node) (names []ast.Expr) {
	isName := func(e ast.Expr) bool {
		id, ok := e.(*ast.Ident)
		return ok && id.Name == "name"
	}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if names = append(names, n.Key); isName(n.Key) {
			names = append(names, n.Value)
		}
	case *ast.CompositeLit:
		if n.Type == nil && len(n.Elts) > 0 { // a struct within a list
			names = n.Elts[:1]
		}
	case *ast.AssignStmt:
		if isName(n.Lhs[0]) {
			ast.Inspect(n.Rhs[0], func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok {
					names = append(names, l)
				}
				return true
			})
		}
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); (!ok || s.Sel.Name == "Run") && len(n.Args) > 0 {
			names = n.Args[:1]
		}
	}
	return names
}

func TestAPartOfATestIsNoStringOfAnotherOne(t *testing.T) {
	tests := testsBelow(t, "..", "vhost")
	for _, c := range []struct {
		test, part string
		want       bool
	}{
		{"TestAHostileGuestHarmsItselfAlone", "descriptors that loop", true},
		{"TestAHostileGuestHarmsItselfAlone", "memory that is cut short while it is read", true},
		{"TestEachMistakeHasItsName", "packed", true},
		{"TestThereIsNoControlQueue", "descriptors that loop", false},
		{"TestAHostileGuestHarmsItselfAlone", "what kind of guest a test has", false},
		{"TestAHostileGuestHarmsItselfAlone", "the reason is in the log", false},
	} {
		if got := tests[c.test].parts(c.test)[c.part]; got != c.want {
			t.Errorf("%s/%s: %v, want %v", c.test, c.part, got, c.want)
		}
	}
}

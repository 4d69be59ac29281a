package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/culvertdev/culvert/"

// mayImport is the import table of the project: which top-level folders the packages of a folder may
// use, besides their own. Imports point one way, from the packets up to the people.
var mayImport = map[string][]string{
	"ring":      {},
	"encap":     {"ring"},
	"flowcache": {"ring", "encap"},
	"pmd":       {"ring"},
	"vhost":     {"ring", "encap", "pmd"},
	"datapath":  {"ring", "encap", "flowcache", "pmd"},
	"control":   {"ring", "encap", "flowcache", "pmd", "vhost", "datapath"},
	"bench":     {"ring", "encap", "flowcache", "pmd", "vhost", "datapath", "control"},
	"cmd":       {"ring", "encap", "flowcache", "pmd", "vhost", "datapath", "control", "bench"},
	"docs":      {"ring", "encap", "flowcache", "pmd", "vhost", "datapath", "control", "bench"},
}

func TestImportsPointOneWay(t *testing.T) {
	root := os.DirFS("../..")
	checked := 0
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		checked++
		checkImports(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 20 {
		t.Fatalf("found %d Go files: this is not the repository", checked)
	}
}

func checkImports(t *testing.T, path string) {
	top, _, _ := strings.Cut(filepath.ToSlash(path), "/")
	allowed, known := mayImport[top]
	if !known {
		t.Errorf("%s: folder %q is not in the import table", path, top)
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("../..", path), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, im := range f.Imports {
		name, err := strconv.Unquote(im.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if name == "C" || name == "unsafe" && !strings.HasSuffix(strings.TrimSuffix(path, "_test.go"), "_unsafe") && !strings.HasSuffix(path, "_unsafe.go") {
			t.Errorf("%s imports %q: unsafe belongs in files named *_unsafe.go, cgo nowhere", path, name)
		}
		rest, ours := strings.CutPrefix(name, module)
		if !ours {
			continue
		}
		other, _, _ := strings.Cut(rest, "/")
		if other != top && !slices.Contains(allowed, other) {
			t.Errorf("%s imports %s: %s may use only %v", path, name, top, allowed)
		}
	}
}

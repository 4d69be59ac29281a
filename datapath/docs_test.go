package datapath_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheDocumentationShowsTheExampleAsItIs: the code in docs/rule-tables.md is that of the example, which runs.
func TestTheDocumentationShowsTheExampleAsItIs(t *testing.T) {
	page, err := os.ReadFile("../docs/rule-tables.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) < 5 {
		t.Errorf("the page has %d blocks of code, want those that it explains", len(blocks))
	}
	for _, b := range blocks {
		if !strings.Contains(string(code), string(b[1])) {
			t.Errorf("this is not in example_test.go:\n%s", b[1])
		}
	}
}

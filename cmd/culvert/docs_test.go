package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheDocumentationNamesEveryPortOption asks each driver for an option that does not exist and
// looks up those it says there are.
func TestTheDocumentationNamesEveryPortOption(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`option zzzz: unknown; want one of (.*)`)
	for name, driver := range drivers() {
		err := driver.Check(map[string]string{"zzzz": "1"})
		if err == nil {
			t.Errorf("%s took an option that does not exist", name)
			continue
		}
		list := known.FindStringSubmatch(err.Error())
		_, part, ok := strings.Cut(string(page), "\n**"+name+"**: ")
		part, _, _ = strings.Cut(part, "\n**")
		if list == nil || !ok {
			t.Errorf("%s: no list of options in %q, or no part of docs/configuration.md", name, err)
			continue
		}
		for option := range strings.SplitSeq(list[1], ", ") {
			if !strings.Contains(part, "| `"+option+"` |") {
				t.Errorf("docs/configuration.md does not name %s's option %s", name, option)
			}
		}
	}
}

package main

import (
	"os"
	"path/filepath"
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

func TestLinksOfTheDocumentationLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), to[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// TestWhatTheReadmeRunsIsRight checks its configuration, and asks for the help of every command in it.
func TestWhatTheReadmeRunsIsRight(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	file := filepath.Join(t.TempDir(), "culvert.yaml")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := culvert(t, "", "config", "check", file)
	if want := file + " is right: 1 bridge, 3 ports, 2 rules\n"; code != exitOK || out != want {
		t.Errorf("got %q, %q, exit code %d; want %q", out, errs, code, want)
	}
	commands := regexp.MustCompile(`(?m)^    bin/culvert ((?:[a-z]+ ?)+)`).FindAllStringSubmatch(string(text), -1)
	if len(commands) < 6 {
		t.Errorf("found only %d commands", len(commands))
	}
	for _, c := range commands {
		words := strings.Fields(c[1])
		if _, errs, code := culvert(t, "", append(words[:min(2, len(words))], "--help")...); code != exitOK {
			t.Errorf("%s: exit code %d, %s", c[1], code, errs)
		}
	}
}

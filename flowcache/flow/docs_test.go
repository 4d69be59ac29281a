package flow

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table of match fields in docs/flows.md")

const (
	docsPath  = "../../docs/flows.md"
	docsBegin = "<!-- fields: from the table in flowcache/flow -->\n"
	docsEnd   = "<!-- end of fields -->\n"
)

// fieldTable returns the table of match fields for the documentation.
func fieldTable() string {
	var b strings.Builder
	b.WriteString("| Field | Also called | Bits | Mask | Written by actions | Packets it needs |\n|---|---|---|---|---|---|\n")
	for f := FieldID(1); f < NumFields; f++ {
		info := f.Info()
		if f.Internal() {
			continue // only in what the caches show
		}
		name, aliases, bits := info.Name, strings.Join(info.Aliases, ", "), fmt.Sprint(info.Bits)
		if first, last := series(f); last != NoField {
			if f != first {
				continue
			}
			end := last.Info()
			name += " to " + end.Name
			aliases += " to " + end.Aliases[0]
		}
		if f.IsTunMetadata() {
			bits = "up to 992"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", name, aliases, bits, yes(info.Maskable, "any"), yes(info.Writable, "yes"), needText(info.Need))
	}
	return b.String()
}

// series returns the fields that are one line of the table with f.
func series(f FieldID) (first, last FieldID) {
	for _, s := range [...][2]FieldID{
		{FieldReg0, FieldReg0 + 15}, {FieldReg0 + 16, FieldReg31}, {FieldXReg0, FieldXReg15},
		{FieldXXReg0, FieldXXReg0 + 3}, {FieldXXReg0 + 4, FieldXXReg7}, {FieldTunMetadata0, FieldTunMetadata63},
	} {
		if f >= s[0] && f <= s[1] {
			return s[0], s[1]
		}
	}
	return NoField, NoField
}

func yes(ok bool, word string) string {
	if ok {
		return word
	}
	return "no"
}

func needText(n Need) string {
	if n == NeedNone {
		return "any"
	}
	return strings.ReplaceAll(n.String(), "|", "\\|")
}

func TestTheDocumentationHasTheTableOfFields(t *testing.T) {
	text, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), docsBegin)
	table, after, ok2 := strings.Cut(rest, docsEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table of fields", docsPath)
	}
	want := fieldTable()
	if *update {
		if err := os.WriteFile(docsPath, []byte(before+docsBegin+want+docsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if table != want {
		t.Errorf("the table of fields in %s is not that of the code: run go test ./flowcache/flow -update", docsPath)
	}
}

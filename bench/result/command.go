package result

import (
	"regexp"
	"strings"
)

// plain are arguments that a shell takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// CommandLine is a program with its arguments on one line, as it can be given to bash.
func CommandLine(program string, args []string) string {
	var b strings.Builder
	b.WriteString(program)
	for _, a := range args {
		b.WriteByte(' ')
		switch {
		case plain.MatchString(a):
			b.WriteString(a)
		case strings.ContainsAny(a, "\n\t"):
			b.WriteString("$'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\t", `\t`).Replace(a) + "'")
		default:
			b.WriteString("'" + strings.ReplaceAll(a, "'", `'\''`) + "'")
		}
	}
	return b.String()
}

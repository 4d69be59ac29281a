// Package story tells people what a demonstration does, chapter by chapter, and checks what it claims.
package story

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A Story is what a demonstration tells, and whether all it claimed was so.
//
// Thread-safety: one goroutine at a time.
type Story struct {
	Out     io.Writer
	Wrong   []string // what was not as it should be
	color   bool
	chapter int
}

// New returns a story that goes to out, in colour if that is a terminal which may have it.
func New(out io.Writer) *Story {
	return &Story{Out: out, color: wantsColor(out)}
}

// wantsColor reports whether out is a terminal that may be coloured (no-color.org).
func wantsColor(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Select Graphic Rendition parameters of ECMA-48, 8.3.117.
const (
	bold  = "1"
	dim   = "2"
	cyan  = "36"
	Red   = "31"
	Green = "32"
)

// Paint returns text in a style, if the story has colours.
func (s *Story) Paint(style, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// Begin starts a chapter.
func (s *Story) Begin(title string) {
	s.chapter++
	fmt.Fprintf(s.Out, "\n%s\n", s.Paint(bold, fmt.Sprintf("%d. %s", s.chapter, title)))
}

// Tell prints lines of text.
func (s *Story) Tell(text string) {
	fmt.Fprintln(s.Out, indent("   ", text))
}

// Show prints a command and what it answered.
func (s *Story) Show(command, answer string) {
	fmt.Fprintf(s.Out, "   %s\n", s.Paint(cyan, "$ "+command))
	if answer = strings.TrimRight(answer, "\n"); answer != "" {
		fmt.Fprintln(s.Out, s.Paint(dim, indent("     ", answer)))
	}
}

// Check states something and whether it is so.
func (s *Story) Check(ok bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if ok {
		fmt.Fprintf(s.Out, "   %s  %s\n", s.Paint(Green, "ok"), text)
		return
	}
	s.Wrong = append(s.Wrong, text)
	fmt.Fprintf(s.Out, "   %s  %s\n", s.Paint(Red, "WRONG"), text)
}

// indent puts prefix before every line of text that is not empty.
func indent(prefix, text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = prefix + l
		}
	}
	return strings.Join(lines, "\n")
}

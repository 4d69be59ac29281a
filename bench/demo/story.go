package demo

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A story is what the demo tells, and whether all it claimed was so.
type story struct {
	out     io.Writer
	color   bool
	chapter int
	wrong   []string // what was not as it should be
}

func newStory(out io.Writer) *story {
	return &story{out: out, color: wantsColor(out)}
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
	red   = "31"
	green = "32"
	cyan  = "36"
)

func (s *story) paint(style, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// begin starts a chapter.
func (s *story) begin(title string) {
	s.chapter++
	fmt.Fprintf(s.out, "\n%s\n", s.paint(bold, fmt.Sprintf("%d. %s", s.chapter, title)))
}

// tell prints lines of text.
func (s *story) tell(text string) {
	fmt.Fprintln(s.out, indent("   ", text))
}

// show prints a command and what it answered.
func (s *story) show(command, answer string) {
	fmt.Fprintf(s.out, "   %s\n", s.paint(cyan, "$ "+command))
	if answer = strings.TrimRight(answer, "\n"); answer != "" {
		fmt.Fprintln(s.out, s.paint(dim, indent("     ", answer)))
	}
}

// check states something and whether it is so.
func (s *story) check(ok bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if ok {
		fmt.Fprintf(s.out, "   %s  %s\n", s.paint(green, "ok"), text)
		return
	}
	s.wrong = append(s.wrong, text)
	fmt.Fprintf(s.out, "   %s  %s\n", s.paint(red, "WRONG"), text)
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

package report

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// A Progress says how far a run of many windows is. On a terminal the last line is its own, kept up to date while what is written to it
// scrolls by above; elsewhere, in a file or a pipe, it writes nothing of itself.
type Progress struct {
	mu      sync.Mutex
	out     io.Writer
	width   func() int // of the terminal in columns, 0 for none
	now     func() time.Time
	total   int
	skipped int // windows that were there before
	done    int // windows measured
	doing   string
	began   time.Time
	shown   bool // the last line is ours
	stop    chan struct{}
	stopped sync.WaitGroup
}

// NewProgress begins a run of so many windows. Close ends it.
func NewProgress(out io.Writer, total int) *Progress {
	p := newProgress(out, total, func() int { return columns(out) }, time.Now)
	if p.width() > 0 {
		p.stopped.Go(p.tick)
	}
	return p
}

func newProgress(out io.Writer, total int, width func() int, now func() time.Time) *Progress {
	return &Progress{out: out, total: total, width: width, now: now, began: now(), stop: make(chan struct{})}
}

// columns is the width of a terminal, 0 of anything else.
func columns(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// tick keeps the time that is left up to date.
func (p *Progress) tick() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		}
	}
}

// Begin says what is measured now.
func (p *Progress) Begin(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing = what
	p.draw()
}

// Done says that it has been measured.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.draw()
}

// Skip says that a window need not be measured, as an earlier run has it.
func (p *Progress) Skip() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skipped++
}

// Write writes lines that stay. They must be whole.
func (p *Progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	n, err := p.out.Write(text)
	p.draw()
	return n, err
}

// Close takes the line away.
func (p *Progress) Close() {
	close(p.stop)
	p.stopped.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.doing = ""
}

// clear empties our line, ECMA-48: carriage return, erase in line.
func (p *Progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}

func (p *Progress) draw() {
	width := p.width()
	if width == 0 || p.doing == "" {
		return
	}
	text := p.text()
	if over := utf8.RuneCountInString(text) - (width - 1); over > 0 { // a line that wraps cannot be erased
		r := []rune(text)
		text = string(r[:max(0, len(r)-over)])
	}
	p.clear()
	fmt.Fprint(p.out, text)
	p.shown = true
}

// text is such as "[3 of 48] ███▏      9 min left  split, 64 bytes: ovs".
func (p *Progress) text() string {
	at := p.skipped + p.done
	s := fmt.Sprintf("[%d of %d] %s", min(at+1, p.total), p.total, bar(at, p.total))
	if p.done > 0 {
		left := p.now().Sub(p.began) / time.Duration(p.done) * time.Duration(p.total-at)
		s += " " + remaining(left) + " left"
	}
	return s + "  " + p.doing
}

// bar is ten columns wide, in steps of an eighth of one.
func bar(at, total int) string {
	eighths := 80 * at / max(total, 1)
	s := strings.Repeat("█", eighths/8)
	if eighths%8 > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[eighths%8-1])
	}
	return s + strings.Repeat(" ", 10-utf8.RuneCountInString(s))
}

func remaining(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

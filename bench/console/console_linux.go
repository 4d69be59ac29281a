// Package console runs a program that one talks to by lines: it says something, one answers, and what it says
// next ends with words that are known.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a program may take to end, and again after SIGTERM.
const stopTime = 10 * time.Second

// A Console is a running program. Stop ends it.
//
// Thread-safety: one goroutine at a time; Ended, PID and Tail are safe for concurrent use.
type Console struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	ended chan struct{} // closed when the program is gone
	err   error         // how it ended; valid then

	mu    sync.Mutex
	all   []byte // what the program has printed, for people
	said  []byte // of it what came by standard output
	read  int    // of that what has been expected
	noise *regexp.Regexp
	fresh chan struct{} // closed when there is more
}

// Start starts a program. spawn does it, in another network namespace perhaps; nil: (*exec.Cmd).Start.
func Start(cmd *exec.Cmd, spawn func(*exec.Cmd) error) (*Console, error) {
	if spawn == nil {
		spawn = (*exec.Cmd).Start
	}
	c := &Console{cmd: cmd, ended: make(chan struct{}), fresh: make(chan struct{})}
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = output{c, true}, output{c, false}
	if err := spawn(cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.name(), err), c.in.Close())
	}
	go func() {
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

func (c *Console) name() string { return filepath.Base(c.cmd.Path) }

// An output takes what the program prints.
type output struct {
	c    *Console
	said bool // by standard output: errors may come in the middle of a line
}

func (o output) Write(b []byte) (int, error) {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	o.c.all = append(o.c.all, b...)
	if o.said {
		o.c.said = append(o.c.said, b...)
		close(o.c.fresh)
		o.c.fresh = make(chan struct{})
	}
	return len(b), nil
}

// Ignore has Expect see nothing of what matches noise, which the program may print in the middle of a line.
func (c *Console) Ignore(noise *regexp.Regexp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noise = noise
}

// PID returns the program's process.
func (c *Console) PID() int { return c.cmd.Process.Pid }

// Ended is closed when the program is gone, by Stop or by itself.
func (c *Console) Ended() <-chan struct{} { return c.ended }

// Say writes a line to the program.
func (c *Console) Say(line string) error {
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		return fmt.Errorf("%s: say %q: %w%s", c.name(), line, err, c.ending())
	}
	return nil
}

// Expect waits until the program prints the text to standard output and returns what it printed before, since the last text that
// was expected.
func (c *Console) Expect(ctx context.Context, text string) (string, error) {
	for {
		before, fresh, found := c.upTo(text)
		if found {
			return before, nil
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			return "", fmt.Errorf("%s: wait for %q: %w%s", c.name(), text, ctx.Err(), c.ending())
		case <-c.ended:
			if before, _, found := c.upTo(text); found {
				return before, nil
			}
			return "", fmt.Errorf("%s: wait for %q: it ended: %w%s", c.name(), text, exit(c.err), c.ending())
		}
	}
}

// upTo looks for the text in what has not been expected yet; fresh is closed when it is worth another look.
func (c *Console) upTo(text string) (before string, fresh <-chan struct{}, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.noise != nil {
		c.said = append(c.said[:c.read], c.noise.ReplaceAll(c.said[c.read:], nil)...)
	}
	before, _, found = strings.Cut(string(c.said[c.read:]), text)
	if found {
		c.read += len(before) + len(text)
	}
	return before, c.fresh, found
}

func exit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// Tail returns the last n bytes that the program has printed, errors among them.
func (c *Console) Tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.all[max(0, len(c.all)-n):])
}

// ending is what errors end with.
func (c *Console) ending() string { return "; it printed last:\n" + c.Tail(4000) }

// Stop says a last line, unless it is empty, and waits for the program to end; one that does not is sent SIGTERM,
// then killed. It is an error unless the program ends with status 0, or by the SIGTERM where there is nothing to
// say. It is idempotent.
func (c *Console) Stop(last string) error {
	defer c.in.Close()
	if last != "" {
		_ = c.Say(last) // how it ends tells enough
		if c.wait(stopTime) {
			return c.result(0)
		}
	}
	c.cmd.Process.Signal(syscall.SIGTERM)
	if c.wait(stopTime) {
		if last != "" {
			return fmt.Errorf("%s did not end at %q and was terminated%s", c.name(), last, c.ending())
		}
		return c.result(syscall.SIGTERM)
	}
	c.cmd.Process.Kill()
	<-c.ended
	return fmt.Errorf("%s did not end and was killed%s", c.name(), c.ending())
}

// Kill ends the program at once, as a crash would.
func (c *Console) Kill() error {
	defer c.in.Close()
	c.cmd.Process.Kill()
	<-c.ended
	return c.result(syscall.SIGKILL)
}

func (c *Console) wait(d time.Duration) bool {
	select {
	case <-c.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// result returns how the program ended: nil when well or by the signal.
func (c *Console) result(by syscall.Signal) error {
	var e *exec.ExitError
	if c.err == nil || by != 0 && errors.As(c.err, &e) && e.Sys().(syscall.WaitStatus).Signal() == by {
		return nil
	}
	return fmt.Errorf("%s: %w%s", c.name(), c.err, c.ending())
}

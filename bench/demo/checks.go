package demo

import (
	"errors"
	"fmt"
	"os"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
)

// checks are those at the end of a part: told as a chapter, or collected when the part went wrong before.
type checks struct {
	s    *story.Story
	tell bool
	errs []error
}

func newChecks(s *story.Story, tell bool) *checks { return &checks{s: s, tell: tell} }

func (c *checks) note(ok bool, format string, args ...any) {
	if c.tell {
		c.s.Check(ok, format, args...)
	} else if !ok {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

// gone removes a scratch directory.
func (c *checks) gone(scratch *lab.Scratch) {
	err := scratch.Close()
	_, missing := os.Stat(scratch.Path)
	c.note(err == nil && os.IsNotExist(missing), "%s is gone%s", scratch.Path, orErr(err, ""))
}

func (c *checks) err() error { return errors.Join(c.errs...) }

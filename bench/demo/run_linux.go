package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
)

// Options say how to run the demo.
type Options struct {
	Out    io.Writer     // where the story goes
	Binary string        // culvert, to be run as the daemon; default: this program
	TCP    time.Duration // how long each TCP transfer lasts; default 2 s
	Memory bool          // use memory ports even where AF_XDP is to be had
	Part   string        // Switch or Overlay; default: both
	Pause  time.Duration // how long TCP may stand still when a container moves; default 1 s
}

// The demo's parts.
const (
	Switch  = "switch"  // three hosts with Culvert between them
	Overlay = "overlay" // two hosts with an overlay between them
)

// limit is how long a part may take before it is wrong. It needs about a quarter of that.
const limit = 55 * time.Second

// What can become of a demo. The story has told what there is to know.
var (
	ErrWrong  = errors.New("demo: not all went well")
	ErrBroken = errors.New("demo: broken off")
)

// Run runs the demo and returns nil when all went well. SIGINT, SIGTERM and SIGHUP end it, and it cleans
// up first.
func Run(ctx context.Context, o Options) error {
	if o.TCP == 0 {
		o.TCP = 2 * time.Second
	}
	if o.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		o.Binary = self
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	// SIGPIPE is among them so that `culvert demo | head` cleans up too.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	start := time.Now()
	s := story.New(o.Out)
	lacks := lab.Missing()
	var err error
	how := ""
	if o.Part != Overlay {
		how, err = o.first(ctx, s, lacks)
	}
	if err == nil && o.Part != Switch {
		var left string
		left, err = o.second(ctx, s, lacks)
		how += left
	}
	return end(s, err, how, time.Since(start))
}

// first is the part with three hosts and one switch. how says what could not be shown.
func (o Options) first(ctx context.Context, s *story.Story, lacks []lab.Lack) (how string, err error) {
	var n network = new(kernelNet)
	if len(lacks) > 0 || o.Memory {
		tellMissing(s, lacks, "this demo runs over memory ports, in one process, without namespaces and AF_XDP")
		n = new(memoryNet)
	}
	if len(lacks) > 0 {
		how = ", over memory ports (AF_XDP could not be shown)"
	}
	return how, within(ctx, func(ctx context.Context) error { return play(ctx, s, n, o) })
}

// second is the part with two hosts and an overlay between them. how says that it was left out.
func (o Options) second(ctx context.Context, s *story.Story, lacks []lab.Lack) (how string, err error) {
	if o.Memory {
		return ", without the overlay (it has no memory ports)", nil
	}
	if lacks = append(lacks, missingDirectory(o)...); len(lacks) > 0 {
		fmt.Fprintln(s.Out)
		tellMissing(s, lacks, "two hosts with an overlay between them are left out")
		return ", without the overlay (" + lacks[0].What + " is missing)", nil
	}
	return "", within(ctx, func(ctx context.Context) error { return playOverlay(ctx, s, o) })
}

// within runs a part and says why it ended, if it was not by itself.
func within(ctx context.Context, part func(context.Context) error) error {
	late, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := part(late)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case late.Err() != nil:
		return fmt.Errorf("not done within %s: %w", limit, err)
	}
	return err
}

// tellMissing names what is missing, and says what comes of it.
func tellMissing(s *story.Story, lacks []lab.Lack, so string) {
	for _, l := range lacks {
		fmt.Fprintf(s.Out, "missing: %s\n", l)
	}
	fmt.Fprintln(s.Out, so)
}

// end says in one line how it went.
func end(s *story.Story, err error, how string, took time.Duration) error {
	fmt.Fprintln(s.Out)
	switch {
	case err != nil:
		reason, more, _ := strings.Cut(err.Error(), "\n")
		if more != "" {
			s.Tell(more)
		}
		fmt.Fprintf(s.Out, "demo: %s: %s\n", s.Paint(story.Red, "broken off"), reason)
		return ErrBroken
	case len(s.Wrong) > 0:
		fmt.Fprintf(s.Out, "demo: %s: %s\n", s.Paint(story.Red, "not all went well"), strings.Join(s.Wrong, "; "))
		return ErrWrong
	}
	fmt.Fprintf(s.Out, "demo: %s%s, in %.0f seconds\n", s.Paint(story.Green, "all went well"), how, took.Seconds())
	return nil
}

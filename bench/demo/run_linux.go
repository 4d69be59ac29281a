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
}

// limit is how long a demo may take before it is wrong. It needs about a quarter of that.
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
	// SIGPIPE is among them so that `culvert demo | head` cleans up too.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	late, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	start := time.Now()
	s := story.New(o.Out)
	lacks := lab.Missing()
	var n network = new(kernelNet)
	if len(lacks) > 0 || o.Memory {
		tellMissing(s, lacks)
		n = new(memoryNet)
	}
	err := play(late, s, n, o)
	switch {
	case ctx.Err() != nil:
		err = errors.New("interrupted")
	case late.Err() != nil:
		err = fmt.Errorf("not done within %s: %w", limit, err)
	}
	return end(s, err, lacks, time.Since(start))
}

// tellMissing says why the demo runs over memory ports.
func tellMissing(s *story.Story, lacks []lab.Lack) {
	for _, l := range lacks {
		fmt.Fprintf(s.Out, "missing: %s\n", l)
	}
	fmt.Fprintln(s.Out, "this demo runs over memory ports, in one process, without namespaces and AF_XDP")
}

// end says in one line how it went.
func end(s *story.Story, err error, lacks []lab.Lack, took time.Duration) error {
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
	where := ""
	if len(lacks) > 0 {
		where = ", over memory ports (AF_XDP could not be shown)"
	}
	fmt.Fprintf(s.Out, "demo: %s%s, in %.0f seconds\n", s.Paint(story.Green, "all went well"), where, took.Seconds())
	return nil
}

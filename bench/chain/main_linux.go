// Chain shows a service chain: a client reaches a service through a NAT and a load balancer, two small programs on
// vhost-user ports (docs/examples), steered by rules in Culvert.
//
//	chain --culvert bin/culvert --nat bin/nat --lb bin/lb
//
// It needs root, checks what it shows, and leaves nothing behind. `make demo-chain` builds the three and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
)

// limit is how long it may take before it is wrong. It needs about a fifth of that.
const limit = time.Minute

// binaries are the programs that take part.
type binaries struct{ culvert, nat, lb string }

func main() {
	var bin binaries
	flag.StringVar(&bin.culvert, "culvert", "bin/culvert", "path of culvert")
	flag.StringVar(&bin.nat, "nat", "bin/nat", "path of docs/examples/nat")
	flag.StringVar(&bin.lb, "lb", "bin/lb", "path of docs/examples/lb")
	tcp := flag.Duration("tcp", 2*time.Second, "how long the TCP transfer lasts")
	flag.Parse()
	if lacks := lab.Missing(); len(lacks) > 0 {
		fmt.Fprintf(os.Stderr, "chain: missing: %s\n", lacks[0])
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := run(ctx, bin, *tcp); err != nil {
		fmt.Fprintln(os.Stderr, "chain:", err)
		os.Exit(1)
	}
}

// run tells the story and returns an error when not all was as it should be.
func run(ctx context.Context, bin binaries, tcp time.Duration) error {
	for _, path := range []*string{&bin.culvert, &bin.nat, &bin.lb} {
		full, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = full
	}
	s := story.New(os.Stdout)
	n := &network{bin: bin, done: make(chan received, 8)}
	err := n.build(ctx, s)
	for _, chapter := range []func(context.Context, *story.Story) error{
		n.balance,
		func(ctx context.Context, s *story.Story) error { return n.speed(ctx, s, tcp) },
		n.restart,
		n.counters,
	} {
		if err == nil {
			err = chapter(ctx, s)
		}
	}
	if err = errors.Join(err, n.close(s)); err != nil {
		return err
	}
	if len(s.Wrong) > 0 {
		return errors.New("not all went well: " + strings.Join(s.Wrong, "; "))
	}
	fmt.Fprintf(s.Out, "\nchain: %s\n", s.Paint(story.Green, "all went well"))
	return nil
}

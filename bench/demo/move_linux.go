package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
	"github.com/culvertdev/culvert/bench/traffic"
)

// A busy machine may let anybody wait once: of three moves the median counts, and the longest is said.
const moves = 3

// streaming is how long TCP runs for each move, which takes a small part of it.
const streaming = 3 * time.Second

// moves has bob go to the other host and back under TCP.
func (n *overlayNet) moves(ctx context.Context, s *story.Story, o Options) error {
	bob := n.containers[1]
	s.Begin("bob moves to the other host while alice and carol send TCP to him")
	s.Tell("The port on the one host is removed, the other end of bob's link goes to the other host, and a port is added\n" +
		"there. Then bob says that he is there, by gratuitous ARP, as virtual machines do that have moved. His addresses\n" +
		"and connections stay. He compares every byte.")
	var all []time.Duration
	for range moves {
		to := n.hosts[1-bob.on.index]
		silence, err := n.moveUnderTCP(ctx, s, bob, to)
		if err != nil {
			return err
		}
		all = append(all, silence)
	}
	slices.Sort(all)
	median, longest := all[moves/2], all[moves-1]
	s.Check(median < o.Pause, "%d moves interrupted TCP for %s in the median, want less than %s; the longest for %s", moves, milli(median), o.Pause, milli(longest))
	for _, h := range n.hosts {
		s.Tell("on " + h.name + ":")
		if err := showCommand(ctx, s, &h.daemon.Control, "tunnel", "profile", profile); err != nil {
			return err
		}
	}
	return nil
}

func milli(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// A transfer is what came of one connection.
type transfer struct {
	traffic.Transfer
	from *container
	err  error
}

// moveUnderTCP moves a container to a host while two others send to it, and returns the longest time in which one of them
// did not get through.
func (n *overlayNet) moveUnderTCP(ctx context.Context, s *story.Story, c *container, to *host) (silence time.Duration, err error) {
	senders := []*container{n.containers[0], n.containers[2]}
	results := make(chan transfer, len(senders))
	before, err := c.received()
	if err != nil {
		return 0, err
	}
	for _, from := range senders {
		go func() {
			t, err := traffic.Bulk(ctx, from.Namespace, c.Namespace, c.addr.Addr(), streaming)
			results <- transfer{t, from, err}
		}()
	}
	took, moveErr := n.moveWhileReceiving(ctx, c, to, before)
	line := fmt.Sprintf("%s to %s, in %s:", c.Name(), to.name, milli(took))
	for range senders {
		t := <-results
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if t.err != nil {
			s.Check(false, "%s to %s%s", t.from.Name(), c.Name(), orErr(t.err, ""))
		}
		silence = max(silence, t.Silence)
		line += fmt.Sprintf(" TCP from %s stood still for %s (%d MB);", t.from.Name(), milli(t.Silence), t.Bytes/1e6)
	}
	s.Tell(line[:len(line)-1])
	return silence, moveErr
}

// flowing is how many packets a container has received when connections to it are surely at work.
const flowing = 500

// moveWhileReceiving waits until packets flow to a container, counted from before, and then moves it. It returns how long
// that took.
func (n *overlayNet) moveWhileReceiving(ctx context.Context, c *container, to *host, before uint64) (took time.Duration, err error) {
	for {
		now, err := c.received()
		if err != nil {
			return 0, err
		}
		if now >= before+flowing {
			break
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	err = n.move(ctx, c, to)
	return time.Since(start), err
}

// move moves a container to a host, as whoever runs containers would.
func (n *overlayNet) move(ctx context.Context, c *container, to *host) error {
	if _, err := c.on.daemon.Command(ctx, "port", "del", c.Name()); err != nil {
		return err
	}
	if err := c.on.Move(c.Name(), to.Namespace); err != nil {
		return err
	}
	c.on = to
	if _, err := to.daemon.Command(ctx, "port", "add", "--type", "afxdp", guests, c.Name()); err != nil {
		return err
	}
	if _, err := to.daemon.WaitOpenDown(ctx); err != nil {
		return err
	}
	return traffic.Announce(ctx, c.Namespace, lab.HostLink, traffic.Endpoint{MAC: c.mac, Addr: c.addr.Addr()})
}

package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
	"github.com/culvertdev/culvert/bench/traffic"
)

// playOverlay tells the second part of the story.
func playOverlay(ctx context.Context, s *story.Story, o Options) error {
	n := new(overlayNet)
	err := n.chapters(ctx, s, o)
	return errors.Join(err, n.close(s, err == nil))
}

func (n *overlayNet) chapters(ctx context.Context, s *story.Story, o Options) error {
	if err := n.build(ctx, s, o); err != nil {
		return err
	}
	if err := n.pings(ctx, s); err != nil {
		return err
	}
	if err := n.knowledge(ctx, s); err != nil {
		return err
	}
	return n.moves(ctx, s, o)
}

// sleep waits, or until ctx ends, which is an error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// meet waits until each container reaches each other one: ports come up, neighbours are found, and each host hears of the
// containers of the other.
func (n *overlayNet) meet(ctx context.Context) error {
	for _, from := range n.containers {
		for _, to := range n.containers {
			for from != to {
				e, err := traffic.Ping{Count: 1}.Run(ctx, from.Namespace, to.addr.Addr())
				if ctx.Err() != nil {
					return fmt.Errorf("%s does not reach %s: %w", from.Name(), to.Name(), ctx.Err())
				}
				if err == nil && e.Received > 0 {
					break
				}
			}
		}
	}
	return nil
}

func (n *overlayNet) pings(ctx context.Context, s *story.Story) error {
	s.Begin("Ping between containers")
	alice := n.containers[0]
	for _, to := range n.containers[1:] {
		e, err := traffic.Ping{Timeout: patience}.Run(ctx, alice.Namespace, to.addr.Addr())
		if err != nil {
			return err
		}
		s.Check(e.Lost() == 0, "%s to %-5s on %s  %s", alice.Name(), to.Name(), to.on.name, e)
	}
	return nil
}

// knowledge shows what a host knows of the overlay, and what becomes of a packet to the other host.
func (n *overlayNet) knowledge(ctx context.Context, s *story.Story) error {
	s.Begin("Who is where, as host1 knows it")
	alice, carol := n.containers[0], n.containers[2]
	control := &n.hosts[0].daemon.Control
	for _, args := range [][]string{
		{"tunnel", "list"}, {"tunnel", "profile", profile},
		{"trace", guests, fmt.Sprintf("in_port=%s,dl_src=%s,dl_dst=%s,udp,nw_src=%s,nw_dst=%s,tp_dst=53",
			alice.Name(), alice.mac, carol.mac, alice.addr.Addr(), carol.addr.Addr())},
	} {
		if err := showCommand(ctx, s, control, args...); err != nil {
			return err
		}
	}
	return nil
}

// received returns how many packets have come to a container.
func (c *container) received() (uint64, error) {
	count, err := c.Count(lab.HostLink)
	return count.RxPackets, err
}

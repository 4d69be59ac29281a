package demo

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/story"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/control/api"
)

// play tells the story over a network.
func play(ctx context.Context, s *story.Story, n network, o Options) error {
	err := chapters(ctx, s, n, o)
	return errors.Join(err, n.close(s, err == nil))
}

func chapters(ctx context.Context, s *story.Story, n network, o Options) error {
	if err := n.build(ctx, s, o); err != nil {
		return err
	}
	if err := pings(ctx, s, n); err != nil {
		return err
	}
	if err := n.speed(ctx, s, o); err != nil {
		return err
	}
	if err := learning(ctx, s, n); err != nil {
		return err
	}
	if err := rule(ctx, s, n); err != nil {
		return err
	}
	return counters(ctx, s, n)
}

// patience is for pings that have to come back: the first of a pair waits for ARP and the slow path,
// and the machine may be busy.
const patience = 2 * time.Second

func pings(ctx context.Context, s *story.Story, n network) error {
	s.Begin("Ping, each host to each other")
	for i, from := range people() {
		for j, to := range people() {
			if i == j {
				continue
			}
			e, err := n.ping(ctx, i, j, traffic.Ping{Timeout: patience})
			if err != nil {
				return err
			}
			s.Check(e.Lost() == 0, "%-5s to %-5s  %s", from.name, to.name, e)
		}
	}
	return nil
}

func learning(ctx context.Context, s *story.Story, n network) error {
	s.Begin("MAC learning")
	if err := showCommand(ctx, s, n.control(), "fdb", "show"); err != nil {
		return err
	}
	known, err := api.Call(ctx, n.control().Client(), api.FDBShow, api.BridgeName{})
	if err != nil {
		return err
	}
	behind := make(map[string]string)
	for _, e := range known {
		behind[strings.ToLower(e.MAC)] = e.Port
	}
	for _, p := range people() {
		at := behind[p.mac.String()]
		s.Check(at == p.port, "%s is %s: learned behind %q", p.name, p.mac, at)
	}
	s.Tell("What the caches hold now:")
	return showCommand(ctx, s, n.control(), "cache", "dump", "--limit", "4")
}

func rule(ctx context.Context, s *story.Story, n network) error {
	alice, bob, carol := people()[0], people()[1], people()[2]
	s.Begin("A rule that drops whatever carol sends")
	before, err := n.control().Tally(ctx)
	if err != nil {
		return err
	}
	match := "dl_src=" + carol.mac.String()
	if err := showCommand(ctx, s, n.control(), "flow", "add", bridge, "priority=100,"+match+",actions=drop"); err != nil {
		return err
	}
	lost, err := n.ping(ctx, 2, 0, traffic.Ping{Count: 4, Timeout: 150 * time.Millisecond})
	if err != nil {
		return err
	}
	s.Check(lost.Received == 0, "%s to %s  %s", carol.name, alice.name, lost)
	e, err := n.ping(ctx, 0, 1, traffic.Ping{Timeout: patience})
	if err != nil {
		return err
	}
	s.Check(e.Lost() == 0, "%s to %s    %s", alice.name, bob.name, e)
	if err := showCommand(ctx, s, n.control(), "flow", "dump", bridge); err != nil {
		return err
	}
	if err := checkDrops(ctx, s, n.control(), before, uint64(lost.Sent)); err != nil {
		return err
	}
	if err := showCommand(ctx, s, n.control(), "flow", "del", bridge, match); err != nil {
		return err
	}
	if e, err = n.ping(ctx, 2, 0, traffic.Ping{Timeout: patience}); err != nil {
		return err
	}
	s.Check(e.Lost() == 0, "%s to %s  %s", carol.name, alice.name, e)
	return nil
}

// checkDrops compares what the switch says rules have dropped with what must have been, at least: a
// host's kernel may have more to say than pings.
func checkDrops(ctx context.Context, s *story.Story, c *daemon.Control, before daemon.Tally, want uint64) error {
	var dropped uint64
	for range 20 { // workers publish what they counted before they sleep
		after, err := c.Tally(ctx)
		if err != nil {
			return err
		}
		dropped = daemon.Value(after.Stats.Drops, "rule") - daemon.Value(before.Stats.Drops, "rule")
		if dropped >= want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Check(dropped >= want, "the drop counter %q went up by %d, for %d pings", "rule", dropped, want)
	return nil
}

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
	"github.com/culvertdev/culvert/bench/traffic"
)

// scratchPrefix starts the names of the demos' directories.
const scratchPrefix = "culvert-demo-"

const kernelPicture = `
    alice           bob            carol         three network namespaces,
  10.77.0.1      10.77.0.2      10.77.0.3        each on a veth pair whose offloads
      |              |              |            are as the kernel made them
  +---p1-------------p2-------------p3---+
  |               culvert                |       the daemon, on AF_XDP ports,
  +--------------------------------------+       in a namespace of its own`

// A kernelNet is namespaces, veth pairs and the real daemon on AF_XDP ports.
type kernelNet struct {
	lab     *lab.Lab
	scratch *lab.Scratch
	daemon  *daemon.Daemon
}

func (n *kernelNet) control() *daemon.Control { return &n.daemon.Control }

func (n *kernelNet) build(ctx context.Context, s *story.Story, o Options) (err error) {
	fmt.Fprintln(s.Out, kernelPicture)
	s.Begin("Start")
	if n.scratch, err = makeScratch(s); err != nil {
		return err
	}
	if n.lab, err = lab.New(); err != nil {
		return err
	}
	for _, p := range people() {
		if _, err := n.lab.AddHost(p.name, p.port, lab.Link{Down: true}); err != nil {
			return err
		}
	}
	start := time.Now()
	n.daemon, err = daemon.Start(ctx, daemon.Options{
		Namespace: n.lab.Switch, Binary: o.Binary, Dir: filepath.Join(n.scratch.Path, "switch"), Config: configuration("afxdp"),
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	s.Show("cat "+n.daemon.ConfigPath, n.daemon.Config())
	s.Show("culvert run --config "+n.daemon.ConfigPath+" &", "")
	if err := n.plugIn(ctx); err != nil {
		return err
	}
	s.Check(true, "process %d answered on its socket after %d ms", n.daemon.PID(), took.Milliseconds())
	return showCommand(ctx, s, n.control(), "port", "list")
}

// plugIn brings the hosts up once the ports are open: from the first packet on, all go through the switch,
// and the counters of both sides start together.
func (n *kernelNet) plugIn(ctx context.Context) error {
	if _, err := n.daemon.WaitOpenDown(ctx); err != nil {
		return err
	}
	for _, h := range n.lab.Hosts {
		if err := h.SetLink(lab.HostLink, true); err != nil {
			return err
		}
	}
	_, err := n.daemon.WaitOpen(ctx)
	return err
}

// makeScratch makes a directory and tells what earlier demos have left.
func makeScratch(s *story.Story) (*lab.Scratch, error) {
	scratch, removed, err := lab.NewScratch(scratchPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	for _, path := range removed {
		s.Tell("removed " + path + ", left by a demo that was killed")
	}
	return scratch, nil
}

func (n *kernelNet) counted(i int) (sent, received uint64, err error) {
	c, err := n.lab.Hosts[i].Count(lab.HostLink)
	return c.TxPackets, c.RxPackets, err
}

func (n *kernelNet) ping(ctx context.Context, i, j int, p traffic.Ping) (traffic.Echoes, error) {
	return p.Run(ctx, n.lab.Hosts[i].Namespace, n.lab.Hosts[j].IPv4.Addr())
}

func (n *kernelNet) speed(ctx context.Context, s *story.Story, o Options) error {
	s.Begin("TCP at full speed")
	s.Tell("A veth sender leaves checksums to hardware that is not there. Nothing has turned that off:\n" +
		"the switch completes them. Both ends compare every byte.")
	before, err := n.daemon.Tally(ctx)
	if err != nil {
		return err
	}
	alice, bob := n.lab.Hosts[0], n.lab.Hosts[1]
	for _, way := range []struct {
		from, to *lab.Host
		addr     netip.Addr
	}{
		{alice, bob, bob.IPv4.Addr()},
		{bob, alice, alice.IPv4.Addr()},
		{alice, bob, bob.IPv6.Addr()},
	} {
		t, err := traffic.Bulk(ctx, way.from.Namespace, way.to.Namespace, way.addr, o.TCP)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.Check(err == nil, "%-5s to %-9s  %s%s", way.from.Name(), way.addr, t, orErr(err, ""))
	}
	after, err := n.daemon.Tally(ctx)
	if err != nil {
		return err
	}
	completed := after.Event("checksum_completed") - before.Event("checksum_completed")
	s.Check(completed > 0, "the switch completed %s checksums", group(completed))
	return nil
}

func (n *kernelNet) close(s *story.Story, tell bool) error {
	if tell {
		s.Begin("End")
	}
	c := newChecks(s, tell)
	if n.daemon != nil {
		err := n.daemon.Stop()
		c.note(err == nil, "the daemon ended on SIGTERM%s", orErr(err, ", every frame back in its arena"))
	}
	if n.lab != nil {
		links, err := n.lab.Switch.Links()
		attached := slices.ContainsFunc(links, func(l string) bool { return strings.HasSuffix(l, "+xdp") })
		c.note(err == nil && !attached, "its links have no XDP program any more: %s", orErr(err, strings.Join(links, ", ")))
		left, err := closeLab(n.lab)
		c.note(err == nil && left == nil, "links and namespaces are gone, no process is left in them%s", orErr(err, strings.Join(left, ", ")))
	}
	if n.scratch != nil {
		c.gone(n.scratch)
	}
	return c.err()
}

// closeLab closes a lab and returns what is left of it.
func closeLab(l *lab.Lab) (left []string, err error) {
	held, err := lab.HoldAll(l.Namespaces())
	err = errors.Join(err, l.Close())
	return lab.Left(held), err
}

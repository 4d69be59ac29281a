package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	benchdaemon "github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

const memoryPicture = `
    alice           bob            carol         three goroutines that answer pings
  10.77.0.1      10.77.0.2      10.77.0.3
      |              |              |            memory ports
  +---p1-------------p2-------------p3---+
  |               culvert                |       the daemon's code, in this process
  +--------------------------------------+`

// A memoryNet is the daemon in this process, with goroutines for hosts.
type memoryNet struct {
	scratch *lab.Scratch
	daemon  *daemon.Daemon
	way     benchdaemon.Control
	hosts   []*memoryHost
}

func (n *memoryNet) control() *benchdaemon.Control { return &n.way }

// A catcher is the driver of memory ports that notes the ports it opens.
type catcher struct {
	pmd.Driver
	opened chan<- *memport.Port
}

func (c catcher) Open(ctx context.Context, name string, options map[string]string) (pmd.Port, error) {
	p, err := c.Driver.Open(ctx, name, options)
	if err == nil {
		c.opened <- p.(*memport.Port)
	}
	return p, err
}

func (n *memoryNet) build(ctx context.Context, s *story.Story, o Options) (err error) {
	fmt.Fprintln(s.Out, memoryPicture)
	s.Begin("Start")
	if n.scratch, err = makeScratch(s); err != nil {
		return err
	}
	dir := filepath.Join(n.scratch.Path, "switch")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	n.way = benchdaemon.Control{Socket: filepath.Join(dir, "culvert.sock"), Binary: o.Binary}
	path := filepath.Join(dir, "culvert.yaml")
	text := fmt.Sprintf("control:\n  socket: %s\n%s", n.way.Socket, configuration(memport.DriverName))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	s.Show("cat "+path, text)
	if err := n.start(ctx, path); err != nil {
		return err
	}
	if _, err := n.control().WaitOpen(ctx); err != nil {
		return err
	}
	return showCommand(ctx, s, n.control(), "port", "list")
}

// start starts the daemon in this process and puts a host at the other end of each port.
func (n *memoryNet) start(ctx context.Context, path string) error {
	c, err := config.Load(path, config.PortTypes{memport.DriverName: memport.CheckOptions})
	if err != nil {
		return err
	}
	opened := make(chan *memport.Port, len(people()))
	n.daemon, err = daemon.Start(ctx, daemon.Options{
		Config: c, File: path, Log: slog.New(slog.DiscardHandler),
		Drivers: daemon.Drivers{
			memport.DriverName: {Check: memport.CheckOptions, New: func(pool *frame.Pool, log *slog.Logger) pmd.Driver {
				return catcher{memport.New(pool, log), opened}
			}},
		},
	})
	if err != nil {
		return err
	}
	ports := make(map[string]*memport.Port)
	for range people() {
		select {
		case p := <-opened:
			ports[p.Info().Name] = p
		case <-ctx.Done():
			return fmt.Errorf("wait for the ports: %w", ctx.Err())
		}
	}
	for i, p := range people() {
		peer, err := ports[p.port].Attach()
		if err != nil {
			return err
		}
		n.hosts = append(n.hosts, newMemoryHost(i, peer))
	}
	return n.way.Connect(ctx)
}

func (n *memoryNet) counted(i int) (sent, received uint64, err error) {
	return n.hosts[i].sent.Load(), n.hosts[i].received.Load(), nil
}

func (n *memoryNet) ping(ctx context.Context, i, j int, p traffic.Ping) (traffic.Echoes, error) {
	return n.hosts[i].ping(ctx, n.hosts[j], p)
}

func (n *memoryNet) speed(ctx context.Context, s *story.Story, o Options) error {
	s.Begin("Packets at full speed")
	s.Tell("TCP needs kernels at both ends; these are numbered packets, of which every byte is compared.")
	for _, way := range [][2]int{{0, 1}, {1, 0}} {
		from, to := n.hosts[way[0]], n.hosts[way[1]]
		start := time.Now()
		count, err := from.stream(ctx, to, o.TCP)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rate := float64(count) / time.Since(start).Seconds()
		s.Check(err == nil && count > 0, "%-5s to %-5s  %s packets, all there and in order, %.2f million a second%s",
			from.name, to.name, group(count), rate/1e6, orErr(err, ""))
	}
	return nil
}

func (n *memoryNet) close(s *story.Story, tell bool) error {
	var errs []error
	n.way.Disconnect()
	for _, h := range n.hosts {
		errs = append(errs, h.close())
	}
	if n.daemon != nil {
		err := n.daemon.Close()
		if tell {
			s.Begin("End")
			s.Check(err == nil, "every frame is back in its arena%s", orErr(err, ""))
		} else {
			errs = append(errs, err)
		}
	}
	if n.scratch != nil {
		errs = append(errs, n.scratch.Close())
	}
	return errors.Join(errs...)
}

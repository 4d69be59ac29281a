package datapath

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/culvertdev/culvert/pmd"
)

const (
	lookAtLink = 200 * time.Millisecond // between two looks at a port's carrier
	firstRetry = 100 * time.Millisecond // after a device could not be opened, or did not stay so; doubles up to lastRetry
	lastRetry  = 2 * time.Second
	steady     = 2 * time.Second // a device that ran that long before it stopped is opened anew at once
)

// supervise keeps a port open until it is removed: it opens the device, opens it anew when it has
// changed or was gone, and logs what happens to its link.
func (s *Switch) supervise(p *port) {
	defer close(p.exited)
	defer s.close(p)
	retry := firstRetry
	for p.ctx.Err() == nil {
		if s.device(p) != nil || s.open(p) == nil {
			since := time.Now()
			s.watch(p)
			if p.cfg.opened {
				<-p.ctx.Done() // nobody can open it anew
				return
			}
			if time.Since(since) >= steady {
				retry = firstRetry
				continue
			}
		}
		sleep(p.ctx, retry)
		retry = min(2*retry, lastRetry)
	}
}

// watch returns when the device cannot go on, which it then has closed, or when the port is removed.
func (s *Switch) watch(p *port) {
	dev := s.device(p)
	tick := time.NewTicker(lookAtLink)
	defer tick.Stop()
	if !s.running { // Stepper.Walk looks
		tick.Stop()
	}
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-dev.Done():
			s.o.Log.Warn("port stopped", "port", p.cfg.Name, "error", dev.Err())
			s.close(p)
			return
		case <-tick.C:
			s.noteLink(p)
		}
	}
}

// open opens the device and puts it to use. An error is logged when it is not the one before.
func (s *Switch) open(p *port) error {
	dev, err := s.openDevice(p.ctx, &p.cfg)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if p.err == nil || p.err.Error() != err.Error() {
			s.o.Log.Warn("port does not open", "port", p.cfg.Name, "error", err)
		}
		p.err = err
		return err
	}
	if err := s.attach(p, dev); err != nil {
		p.err = err
		return errors.Join(err, dev.Close())
	}
	s.linkChanged(p)
	s.o.Log.Info("port open", "port", p.cfg.Name, "id", p.id, "number", p.number, "bridge", p.bridge.name,
		"link", linkWord(p.linkUp), "mtu", dev.Info().MTU)
	return nil
}

// openDevice opens the device a port is configured for.
func (s *Switch) openDevice(ctx context.Context, cfg *PortConfig) (dev pmd.Port, err error) {
	d := s.o.Drivers[cfg.Driver]
	if d == nil {
		return nil, fmt.Errorf("port %s: no driver %q", cfg.Name, cfg.Driver)
	}
	dev, err = d.Open(ctx, cfg.Name, cfg.Options)
	if err != nil {
		return nil, fmt.Errorf("open port %s: %w", cfg.Name, err)
	}
	return dev, nil
}

// close takes the device out of use and closes it, if there is one.
func (s *Switch) close(p *port) {
	dev := s.device(p)
	if dev == nil {
		return
	}
	cause := dev.Err()
	s.mu.Lock()
	s.detach(p)
	s.linkChanged(p)
	p.err = cause
	if cause == nil {
		p.err = errors.New("closed")
	}
	s.mu.Unlock()
	if err := dev.Close(); err != nil {
		s.o.Log.Warn("port does not close cleanly", "port", p.cfg.Name, "error", err)
	}
}

// device returns the port's open device or nil.
func (s *Switch) device(p *port) pmd.Port {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.dev
}

// noteLinks looks at the carriers of all ports.
func (s *Switch) noteLinks() {
	s.mu.Lock()
	ports := slices.Collect(maps.Values(s.ports))
	s.mu.Unlock()
	for _, p := range ports {
		s.noteLink(p)
	}
}

// noteLink logs a carrier that came or went.
func (s *Switch) noteLink(p *port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.dev == nil {
		return
	}
	if up := p.dev.LinkUp(); up != p.linkUp {
		p.linkUp = up
		s.linkChanged(p)
		s.o.Log.Info("port link", "port", p.cfg.Name, "link", linkWord(up))
	}
}

// linkChanged tells the bridge's table that a port's carrier came or went, and has the flow cache follow
// soon. s.mu is held.
func (s *Switch) linkChanged(p *port) {
	p.bridge.tellPorts()
	s.learned()
}

func linkWord(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

package daemon

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/encap/underlay"
)

// Times between two looks at the underlay's neighbours: so short that one that is lost is noticed within a second, and
// where there is no underlay.
const (
	underlayTick = 50 * time.Millisecond
	underlayIdle = time.Second
)

// A walk over the flow cache is followed by a rest so many times as long, up to a pause: whoever makes neighbours move all
// the time takes a part of the control plane's time only.
const (
	underlayRest  = 4
	underlayPause = 100 * time.Millisecond
)

// newStack returns the underlay, which tells the flow cache of what changes in it.
func (d *Daemon) newStack() *underlay.Stack {
	s := underlay.New(underlay.Options{
		Clock: d.clock.Now, AskKernel: d.followers.ask, JoinKernel: d.followers.join,
		Duplicate: func(port string, addr netip.Addr, mac [6]byte) {
			d.log.Warn("another host has an address of the underlay", "port", port, "address", addr, "mac", net.HardwareAddr(mac[:]))
		},
	})
	s.Watch(d.tagsChanged)
	return s
}

// tagsChanged has the switch follow soon, and rule tables told that verdicts with one of the tags may be others.
func (d *Daemon) tagsChanged(tags uint64) {
	d.tunnels.changed(tags)
	d.wakeUnderlay()
}

// wakeUnderlay has the switch follow the underlay and the tunnels soon.
func (d *Daemon) wakeUnderlay() {
	select {
	case d.moved <- struct{}{}:
	default: // somebody is about to look
	}
}

// tendUnderlay lets time pass for the underlay, and has the flow cache follow it.
func (d *Daemon) tendUnderlay(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.moved:
			d.shareDevices()
			start := time.Now()
			if err := d.followTunnels(); err != nil {
				d.log.Error("tunnels are not followed", "error", err)
			}
			d.sw.Sync()
			rest(ctx, min(underlayRest*time.Since(start), underlayPause))
			continue
		case <-next.C:
		}
		wait := underlayIdle
		if d.stack.First() != "" {
			d.stack.Tick()
			wait = underlayTick
		}
		next.Reset(wait)
	}
}

// followTunnels has the switch follow the tunnels, what they leave by and what their profiles know.
func (d *Daemon) followTunnels() error {
	d.stack.SetGroups(d.overlays.groups())
	own := d.stack.Own()
	changes := d.overlays.follow(own)
	return d.tunnels.follow(d.sw, append(own, d.stack.Groups()...), changes)
}

// rest waits for a time, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// settleUnderlay makes the underlay what c says.
func settleUnderlay(s *underlay.Stack, c *config.Config, plans []*plan) error {
	if err := s.SetConfig(c.Underlay()); err != nil {
		return fmt.Errorf("underlay: %w", err)
	}
	for _, p := range plans {
		p.front.Refresh()
	}
	return nil
}

func (d *Daemon) underlayShow(context.Context, api.Nothing) (api.Underlay, error) {
	st := d.stack.Show()
	out := api.Underlay{Interfaces: []api.UnderlayInterface{}, Routes: []api.UnderlayRoute{}, Neighbours: []api.UnderlayNeighbour{},
		Counters: apiCounters(d.stack.Samples())}
	for _, f := range st.Interfaces {
		one := api.UnderlayInterface{Port: f.Port, MAC: macText(f.MAC), Addresses: []string{}, VLAN: int(f.VLAN), MTU: f.MTU, Up: f.Up, Kernel: f.Kernel}
		for _, p := range f.Addresses {
			one.Addresses = append(one.Addresses, p.String())
		}
		out.Interfaces = append(out.Interfaces, one)
	}
	for _, r := range st.Routes {
		one := api.UnderlayRoute{To: r.To.String(), Port: r.Port, Mark: markText(r.Mark, r.Mask)}
		switch {
		case r.Router.IsValid():
			one.Via = r.Router.String()
		case r.Port == "" && r.Throw:
			one.Refused = "throw"
		case r.Port == "":
			one.Refused = "nowhere"
		}
		out.Routes = append(out.Routes, one)
	}
	for _, n := range st.Neighbours {
		out.Neighbours = append(out.Neighbours, api.UnderlayNeighbour{
			Port: n.Port, Address: n.Address.String(), MAC: macText(n.MAC), State: n.State.String(), AgeSeconds: n.Age.Seconds(),
		})
	}
	return out, nil
}

// markText returns which marks have the bits of mask as mark has them, "" for all.
func markText(mark, mask uint32) string {
	switch mask {
	case 0:
		return ""
	case ^uint32(0):
		return fmt.Sprintf("%#x", mark)
	}
	return fmt.Sprintf("%#x/%#x", mark, mask)
}

// macText returns an Ethernet address as text, "" for none.
func macText(mac [6]byte) string {
	if mac == [6]byte{} {
		return ""
	}
	return net.HardwareAddr(mac[:]).String()
}

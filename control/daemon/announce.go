package daemon

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/tunnel"
)

// A look at who is here takes a part of the control plane's time only: as underlayRest.
const guestTick = 50 * time.Millisecond

func (g guest) compare(o guest) int {
	return cmp.Or(cmp.Compare(g.vni, o.vni), slices.Compare(g.mac[:], o.mac[:]))
}

// tendGuests tells the profiles of tunnels which guests are here: those whose addresses the tunnels' bridges have learned
// on ports that are no tunnels, those whose packets went into a tunnel with a key by flow, and gateways.
func (d *Daemon) tendGuests(ctx context.Context) {
	var last []uint64
	for ctx.Err() == nil {
		start := time.Now()
		last = d.tellGuests(last)
		rest(ctx, max(guestTick, underlayRest*time.Since(start)))
	}
}

// tellGuests tells the profiles of guests, if anything has changed since the call that returned last.
func (d *Daemon) tellGuests(last []uint64) (state []uint64) {
	asking := askingTunnels(d.tunnels.Ports())
	d.mu.Lock()
	bridges := d.sortedBridges()
	d.mu.Unlock()
	d.forgetMoved(asking, bridges)
	self, news := d.overlays.ends()
	state = append(state, uint64(len(asking)), news)
	for _, b := range bridges {
		state = append(state, b.version())
	}
	var ports []datapath.PortStatus
	if len(asking) > 0 {
		ports = d.sw.Ports()
	}
	for _, t := range asking {
		if t.Config().OutKey.From == tunnel.Flow {
			state = append(state, d.overlays.answers(t.Config().Profile))
		}
	}
	for i := range ports {
		up := uint64(0)
		if carrying(&ports[i]) {
			up = 1
		}
		state = append(state, uint64(ports[i].ID)<<1|up)
	}
	if slices.Equal(state, last) {
		return state
	}
	seen := sightingsOf(asking, bridges, ports, self)
	for _, o := range d.overlays.list() {
		dir, of := o.directory(), seen[o.config.Name]
		if dir == nil {
			continue
		}
		if of == nil {
			of = &sightings{}
		}
		left := o.guests.settle(of, dir, d.clock.Now())
		d.forgetLeft(left, o.config.Name, asking, bridges)
	}
	d.overlays.listen(asking)
	return state
}

// askingTunnels returns those of some ports whose packets go where a profile says.
func askingTunnels(ports []*tunnel.Port) (list []*tunnel.Port) {
	for _, p := range ports {
		if p.Config().Remote.From == tunnel.Lookup {
			list = append(list, p)
		}
	}
	return list
}

// carrying reports whether a port is there and has a carrier.
func carrying(p *datapath.PortStatus) bool { return p.Open && p.LinkUp }

package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/vtep"
)

// A look at who is here takes a part of the control plane's time only: as underlayRest.
const guestTick = 50 * time.Millisecond

func (g guest) compare(o guest) int {
	return cmp.Or(cmp.Compare(g.vni, o.vni), slices.Compare(g.mac[:], o.mac[:]))
}

// tendGuests tells the profiles of tunnels which guests are here: those whose addresses the tunnels' bridges have learned
// on ports that are no tunnels.
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
	asking := d.askingTunnels()
	self, news := d.overlays.ends()
	d.mu.Lock()
	bridges := d.sortedBridges()
	d.mu.Unlock()
	state = append(state, uint64(len(asking)), news)
	for _, b := range bridges {
		state = append(state, b.version())
	}
	if slices.Equal(state, last) {
		return state
	}
	here := d.guestsHere(asking, bridges, self)
	for _, o := range d.overlays.list() {
		if dir := o.directory(); dir != nil {
			o.guests.settle(here[o.config.Name], dir, d.clock.Now())
		}
	}
	return state
}

// askingTunnels returns the tunnel ports whose packets go where a profile says, in one network.
func (d *Daemon) askingTunnels() (list []*tunnel.Port) {
	for _, p := range d.tunnels.Ports() {
		if c := p.Config(); c.Remote.From == tunnel.Lookup && c.InKey.From != tunnel.Flow && c.OutKey.From != tunnel.Flow {
			list = append(list, p)
		}
	}
	return list
}

// guestsHere returns the guests that are here, by profile, with the ends by which others reach them.
func (d *Daemon) guestsHere(asking []*tunnel.Port, bridges []*bridge, self []netip.Addr) map[string]map[guest]vtep.End {
	here := make(map[string]map[guest]vtep.End)
	if len(asking) == 0 {
		return here
	}
	ports := d.portsByID()
	for _, t := range asking {
		name := t.Config().Profile
		end := endOf(t.Config(), self)
		if here[name] == nil {
			here[name] = make(map[guest]vtep.End)
		}
		for _, p := range ports {
			if p.Name == t.Name() && end.Addr.IsValid() {
				addGuests(here[name], bridges, &p, t.Config().OutKey.ID, end, ports)
			}
		}
	}
	return here
}

// endOf returns by which end others reach this host through a tunnel; its address is invalid if there is none.
func endOf(c *tunnel.Config, self []netip.Addr) vtep.End {
	end := vtep.End{Addr: c.Local.Addr, Key: c.InKey.ID}
	if c.Local.From != tunnel.Fixed {
		end.Addr = firstEnd(self)
	}
	if c.DstPort != c.Type.Port() {
		end.Port = c.DstPort
	}
	return end
}

// addGuests adds to here the guests that the bridge of a tunnel, the port at, knows behind ports that are no tunnels.
func addGuests(here map[guest]vtep.End, bridges []*bridge, at *datapath.PortStatus, vni uint32, end vtep.End, ports map[uint32]datapath.PortStatus) {
	for _, b := range bridges {
		if b.name != at.Bridge {
			continue
		}
		for _, e := range b.addresses() {
			p, known := ports[e.Port]
			if _, err := encap.ParseType(p.Config.Driver); known && err == nil || !carries(&at.Config.VLAN, e.Key.VLAN()) {
				continue
			}
			here[guest{vni, e.Key.MAC()}] = end
		}
	}
}

// carries reports whether a port takes packets of a VLAN.
func carries(v *rules.VLAN, vlan uint16) bool {
	switch {
	case v.Mode == rules.VLANAccess || v.Mode == rules.VLANDot1qTunnel:
		return vlan == v.Tag
	case v.Mode != rules.VLANTrunk && vlan == v.Tag:
		return true
	}
	return len(v.Trunks) == 0 || slices.Contains(v.Trunks, vlan)
}

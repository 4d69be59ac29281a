package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
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
	self, news := d.overlays.ends()
	d.mu.Lock()
	bridges := d.sortedBridges()
	d.mu.Unlock()
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
		o.guests.settle(of, dir, d.clock.Now())
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

// sightingsOf returns, by profile, where guests are.
func sightingsOf(asking []*tunnel.Port, bridges []*bridge, list []datapath.PortStatus, self []netip.Addr) map[string]*sightings {
	all := make(map[string]*sightings)
	ports := make(map[uint32]datapath.PortStatus, len(list))
	up := make(map[uint32]bool)
	for i := range list {
		ports[list[i].ID] = list[i]
		up[list[i].ID] = carrying(&list[i])
	}
	for _, t := range asking {
		c := t.Config()
		if all[c.Profile] == nil {
			all[c.Profile] = &sightings{here: make(map[guest]place), away: make(map[guest]bool), own: make(map[guest][]netip.Addr), up: up}
		}
		end := endOf(c, self)
		switch {
		case !end.Addr.IsValid():
			continue
		case c.OutKey.From == tunnel.Flow:
			all[c.Profile].byFlow, all[c.Profile].anyKey = end, c.InKey.From == tunnel.Flow
			continue
		}
		for _, p := range ports {
			if p.Name == t.Name() {
				all[c.Profile].add(bridges, &p, c.OutKey.ID, end, ports)
			}
		}
	}
	return all
}

// endOf returns by which end others reach this host through a tunnel; its address is invalid if there is none. Its key is the one
// that packets have to have, or that of the network that the profile is asked about if they may have any.
func endOf(c *tunnel.Config, self []netip.Addr) vtep.End {
	end := vtep.End{Addr: c.Local.Addr, Key: c.InKey.ID}
	if c.InKey.From == tunnel.Flow {
		end.Key = c.OutKey.ID
	}
	if c.Local.From != tunnel.Fixed {
		end.Addr = firstEnd(self)
	}
	if c.DstPort != c.Type.Port() {
		end.Port = c.DstPort
	}
	return end
}

// add adds the guests of a network whom the bridge of a tunnel, the port at, knows.
func (s *sightings) add(bridges []*bridge, at *datapath.PortStatus, vni uint32, end vtep.End, ports map[uint32]datapath.PortStatus) {
	for _, b := range bridges {
		if b.name != at.Bridge {
			continue
		}
		for _, e := range b.beside(at) {
			who := guest{vni, e.Key.MAC()}
			p, isPort := ports[e.Port]
			if _, err := encap.ParseType(p.Config.Driver); isPort && err == nil {
				s.away[who] = true
				continue
			}
			s.up[e.Port] = s.up[e.Port] || !isPort // a bond
			if s.up[e.Port] {
				s.here[who] = place{port: e.Port, end: end, since: e.Since}
			}
		}
		for mac, addresses := range b.ownBeside(at) {
			who := guest{vni, mac}
			s.here[who], s.own[who] = place{port: at.ID, end: end}, addresses
		}
	}
}

// beside returns the Ethernet addresses that the bridge has learned of those in a network with a port.
func (b *bridge) beside(at *datapath.PortStatus) []fdb.Entry {
	if b.gateway != nil {
		var list []fdb.Entry
		for _, a := range b.gateway.Addresses() {
			if b.gateway.Has(a.Interface, at.Name) {
				list = append(list, a.Entry)
			}
		}
		return list
	}
	return slices.DeleteFunc(b.table.Addresses(), func(e fdb.Entry) bool { return !carries(&at.Config.VLAN, e.Key.VLAN()) })
}

// ownBeside returns the addresses of a gateway in networks with a port, by Ethernet address.
func (b *bridge) ownBeside(at *datapath.PortStatus) map[[6]byte][]netip.Addr {
	if b.gateway == nil {
		return nil
	}
	own := make(map[[6]byte][]netip.Addr)
	for _, f := range b.gateway.Config().Interfaces {
		for _, a := range f.Addresses {
			if b.gateway.Has(f.Name, at.Name) {
				own[f.MAC] = append(own[f.MAC], a.Addr())
			}
		}
	}
	return own
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

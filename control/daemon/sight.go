package daemon

import (
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/vtep"
)

// A place is where a guest is.
type place struct {
	port  uint32   // datapath port of the bridge
	end   vtep.End // by which others reach it
	since int64    // ns: when it came there, as far as the bridge knows
}

// Sightings are where guests of a profile were seen.
type sightings struct {
	here map[guest]place
	away map[guest]bool         // behind tunnels
	own  map[guest][]netip.Addr // of those here, what they need not say that they have
	up   map[uint32]bool        // ports that are there and have a carrier
	// byFlow is the end of the profile's tunnels that send with a key by flow; its address is invalid if there are none.
	byFlow vtep.End
	anyKey bool // byFlow takes packets with any key, so that those for a guest have that of its network
}

// enter adds those whose packets went into a tunnel with a key by flow, and takes them out of fresh. Carriers, and this host's
// addresses, become known later than packets pass: for a moment others stay there. Those that it has added have places in silent.
func (s *sightings) enter(fresh map[guest]arrival, now int64, silent *places) {
	for who, a := range fresh {
		if _, known := s.here[who]; !known && s.byFlow.Addr.IsValid() && s.up[a.port] {
			end := s.byFlow
			if s.anyKey {
				end.Key = who.vni
			}
			s.here[who] = place{port: a.port, end: end, since: a.used}
			silent.add(a.port)
		} else if !known && a.since == 0 {
			fresh[who] = arrival{a.port, a.used, now}
			continue
		} else if !known && now-a.since < int64(early) {
			continue
		}
		delete(fresh, who)
	}
}

// sightingsOf returns, by profile, where guests are.
func sightingsOf(asking []*tunnel.Port, bridges []*bridge, list []datapath.PortStatus, self []netip.Addr) map[string]*sightings {
	all := make(map[string]*sightings)
	ports := make(map[uint32]datapath.PortStatus, len(list))
	named := make(map[string]*datapath.PortStatus, len(list))
	up := make(map[uint32]bool)
	for i := range list {
		ports[list[i].ID], named[list[i].Name] = list[i], &list[i]
		up[list[i].ID] = carrying(&list[i])
	}
	rolls := make(map[string]*roll) // by bridge
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
		at := named[t.Name()]
		if at == nil {
			continue
		}
		i := slices.IndexFunc(bridges, func(b *bridge) bool { return b.name == at.Bridge })
		if i < 0 {
			continue
		}
		if rolls[at.Bridge] == nil {
			rolls[at.Bridge] = bridges[i].call()
		}
		all[c.Profile].add(rolls[at.Bridge], at, c.OutKey.ID, end, ports)
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
func (s *sightings) add(r *roll, at *datapath.PortStatus, vni uint32, end vtep.End, ports map[uint32]datapath.PortStatus) {
	for _, e := range r.beside(at) {
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
	for mac, addresses := range r.ownBeside(at) {
		who := guest{vni, mac}
		s.here[who], s.own[who] = place{port: at.ID, end: end}, addresses
	}
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

// carries reports whether a port that is no access port takes packets of a VLAN.
func carries(v *rules.VLAN, vlan uint16) bool {
	if v.Mode != rules.VLANTrunk && vlan == v.Tag {
		return true
	}
	return len(v.Trunks) == 0 || slices.Contains(v.Trunks, vlan)
}

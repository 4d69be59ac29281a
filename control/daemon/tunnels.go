package daemon

import (
	"log/slog"
	"maps"
	"sync/atomic"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// tunnels are the tunnel ports of a switch.
type tunnels struct {
	*tunnel.Set
	tags atomic.Uint64 // of what has changed since rule tables were last told
}

// tunnelTypes adds to the types of port those that are tunnels, which need no device.
func tunnelTypes(types config.PortTypes) config.PortTypes {
	for _, t := range encap.Types() {
		types[t.String()] = tunnel.Check(t)
	}
	return types
}

// withTunnels returns the drivers and those of tunnels.
func (d Drivers) withTunnels(s *tunnel.Set) Drivers {
	all := maps.Clone(d)
	if all == nil {
		all = make(Drivers)
	}
	for _, t := range encap.Types() {
		all[t.String()] = Driver{
			New:   func(*frame.Pool, *slog.Logger) pmd.Driver { return s.Driver(t) },
			Check: tunnel.Check(t),
		}
	}
	return all
}

// changed notes that ways have changed that tunnels may go.
func (t *tunnels) changed(tags uint64) { t.tags.Or(tags) }

// follow has workers and rule tables follow the tunnel ports, the underlay and what profiles know, of which changes are
// those since last time: packets of tunnels are found by what there is now, and those that waited for a change go on. After an
// error tunnels take in what they took in before; changes are followed all the same, since nobody says them twice.
func (t *tunnels) follow(sw *datapath.Switch, own []underlay.Own, changes []rules.Change) error {
	byPort, err := t.received(sw.Ports(), own)
	if err == nil {
		sw.SetTunnels(byPort)
	}
	if tags := t.tags.Swap(0); tags != 0 {
		changes = append(changes, rules.Change{Tag: tags})
	}
	if len(changes) > 0 {
		sw.TunnelsChanged(changes)
	}
	return err
}

// received returns the tunnels that end at the addresses of each port.
func (t *tunnels) received(ports []datapath.PortStatus, own []underlay.Own) (map[uint32]*encap.Tunnels, error) {
	ids := make(map[string]uint32, len(ports))
	for _, p := range ports {
		ids[p.Name] = p.ID
	}
	var list []encap.Tunnel
	for _, p := range t.Ports() {
		if id := ids[p.Name()]; id != 0 {
			list = append(list, p.Receives(id))
		}
	}
	byPort := make(map[uint32]*encap.Tunnels)
	if len(list) == 0 {
		return byPort, nil
	}
	addresses := make(map[uint32][]encap.Address)
	for _, a := range own {
		addresses[a.Port] = append(addresses[a.Port], encap.Address{Addr: a.Addr, VLAN: a.VLAN, MAC: a.MAC})
	}
	for port, at := range addresses {
		table, err := encap.NewTunnels(at, list)
		if err != nil {
			return nil, err
		}
		byPort[port] = table
	}
	return byPort, nil
}

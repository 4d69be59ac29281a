package daemon

import (
	"context"
	"net"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
)

func (d *Daemon) fdbShow(_ context.Context, n api.BridgeName) ([]api.FDBEntry, error) {
	ports := d.portsByID()
	d.mu.Lock()
	defer d.mu.Unlock()
	bridges, err := d.chosen(n.Bridge)
	if err != nil {
		return nil, err
	}
	out := []api.FDBEntry{}
	for _, b := range bridges {
		for _, e := range b.addresses() {
			name, number, ok := b.placeName(e.Port, ports)
			if !ok {
				continue // the port went after the address was read
			}
			mac := e.Key.MAC()
			out = append(out, api.FDBEntry{
				Bridge: b.name, Port: name, Number: number, VLAN: int(e.Key.VLAN()),
				MAC: net.HardwareAddr(mac[:]).String(), AgeSeconds: e.Age.Seconds(), Static: e.Static,
			})
		}
	}
	return out, nil
}

func (d *Daemon) fdbAdd(_ context.Context, n api.NewFDBEntry) (api.Nothing, error) {
	key, err := fdbKey(n.VLAN, n.MAC)
	if err != nil {
		return api.Nothing{}, err
	}
	_, err = d.onBridge(n.Bridge, func(b *bridge) (int, error) {
		port, err := d.portOn(b, n.Port)
		if err != nil {
			return 0, err
		}
		return 1, b.table.AddAddress(key, port)
	})
	return api.Nothing{}, err
}

func (d *Daemon) fdbDel(_ context.Context, k api.FDBKey) (api.Nothing, error) {
	key, err := fdbKey(k.VLAN, k.MAC)
	if err != nil {
		return api.Nothing{}, err
	}
	_, err = d.onBridge(k.Bridge, func(b *bridge) (int, error) {
		if !b.table.DeleteAddress(key) {
			return 0, api.Errorf(api.NotFound, "address %s in VLAN %d: bridge %s does not know it", k.MAC, k.VLAN, b.name)
		}
		return 1, nil
	})
	return api.Nothing{}, err
}

func (d *Daemon) fdbFlush(_ context.Context, f api.FDBFilter) (api.Changed, error) {
	return d.flush(f, d.chosen, (*bridge).flush)
}

// flush makes bridges forget what a filter selects, each by one, and returns how much that was.
func (d *Daemon) flush(f api.FDBFilter, chosen func(string) ([]*bridge, error), one func(*bridge, fdb.Filter) int) (api.Changed, error) {
	filter := fdb.Filter{OnPort: f.Port != "", InVLAN: f.VLAN != nil}
	if f.VLAN != nil {
		if *f.VLAN < 0 || *f.VLAN > maxVLAN {
			return api.Changed{}, badVLAN(*f.VLAN)
		}
		filter.VLAN = uint16(*f.VLAN)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	bridges, err := chosen(f.Bridge)
	if err != nil {
		return api.Changed{}, err
	}
	total, found := 0, f.Port == ""
	for _, b := range bridges {
		if f.Port != "" {
			port, err := d.portOn(b, f.Port)
			if err != nil {
				continue
			}
			filter.Port, found = port, true
		}
		total += one(b, filter)
	}
	if !found {
		return api.Changed{}, noPort(f.Port)
	}
	d.sw.Sync()
	return api.Changed{Count: total}, nil
}

// portsByID returns the ports of the switch.
func (d *Daemon) portsByID() map[uint32]datapath.PortStatus {
	ports := make(map[uint32]datapath.PortStatus)
	for _, p := range d.sw.Ports() {
		ports[p.ID] = p
	}
	return ports
}

// placeName returns the name of what a bridge has learned something on, a port or a bond, and its OpenFlow number.
func (b *bridge) placeName(id uint32, ports map[uint32]datapath.PortStatus) (name string, number uint32, ok bool) {
	if b.gateway == nil {
		return b.table.PlaceName(id)
	}
	p, ok := ports[id]
	return p.Name, p.Number, ok
}

// portOn returns what a bridge learns on of a name: its datapath port, or that of the bond that it names or is a member of.
func (d *Daemon) portOn(b *bridge, name string) (uint32, error) {
	if b.gateway == nil {
		if id, ok := b.table.Place(name); ok {
			return id, nil
		}
		return 0, noPort(name)
	}
	for _, p := range d.sw.Ports() {
		if p.Bridge == b.name && p.Name == name {
			return p.ID, nil
		}
	}
	return 0, noPort(name)
}

// maxVLAN is the last VLAN a tag can name. 4095 is reserved (IEEE 802.1Q-2018, table 9-2), but a frame may
// have it, and its address is learned like any other.
const maxVLAN = 4095

func badVLAN(n int) error { return api.Errorf(api.BadParams, "VLAN %d: want 0 to %d", n, maxVLAN) }

func fdbKey(vlan int, mac string) (fdb.Key, error) {
	if vlan < 0 || vlan > maxVLAN {
		return 0, badVLAN(vlan)
	}
	m, err := net.ParseMAC(mac)
	if err != nil || len(m) != 6 || m[0]&1 != 0 {
		return 0, api.Errorf(api.BadParams, "address %q: want a unicast Ethernet address such as 02:00:00:00:00:01", mac)
	}
	return fdb.MakeKey(uint16(vlan), [6]byte(m)), nil
}

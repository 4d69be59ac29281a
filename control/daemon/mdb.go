package daemon

import (
	"context"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/datapath/rules/mdb"
)

func (d *Daemon) mdbShow(_ context.Context, n api.BridgeName) ([]api.MDBEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bridges, err := d.chosenRules(n.Bridge)
	if err != nil {
		return nil, err
	}
	out := []api.MDBEntry{}
	for _, b := range bridges {
		for _, e := range b.table.Listeners() {
			name, number, ok := b.table.PlaceName(e.Port)
			if !ok {
				continue // the port went after the entry was read
			}
			entry := api.MDBEntry{
				Bridge: b.name, Port: name, Number: number, VLAN: int(e.Key.VLAN), Router: e.Router, AgeSeconds: e.Age.Seconds(),
			}
			if !e.Router {
				entry.Group = e.Key.Addr().String()
			}
			out = append(out, entry)
		}
	}
	return out, nil
}

func (d *Daemon) mdbFlush(_ context.Context, f api.FDBFilter) (api.Changed, error) {
	return d.flush(f, d.chosenRules, func(b *bridge, f fdb.Filter) int {
		return b.table.FlushListeners(mdb.Filter{Port: f.Port, OnPort: f.OnPort, VLAN: f.VLAN, InVLAN: f.InVLAN})
	})
}

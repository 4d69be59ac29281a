package daemon

import (
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/datapath/tunnel"
)

// listen has profiles know in which networks this host takes part: those of their tunnels, and those that guests are in.
func (v *overlays) listen(asking []*tunnel.Port) {
	for _, o := range v.list() {
		d := o.directory()
		if d == nil {
			continue
		}
		vnis := o.guests.networks()
		for _, t := range asking {
			if c := t.Config(); c.Profile == o.config.Name && c.OutKey.From != tunnel.Flow {
				vnis = append(vnis, c.OutKey.ID)
			}
		}
		slices.Sort(vnis)
		d.Listen(slices.Compact(vnis))
	}
}

// groups returns the IP multicast groups that packets to many are sent to, and come from.
func (v *overlays) groups() (list []netip.Addr) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range v.all {
		if d := o.directory(); d != nil {
			list = append(list, d.Groups()...)
		}
	}
	return list
}

package daemon

import (
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
)

// A roll is the Ethernet addresses that a bridge has learned, read once however many tunnels a look asks it for: that takes a
// lock of the datapath's, and as long as there are addresses.
type roll struct {
	*bridge
	all        []fdb.Entry            // without a gateway
	vlans      map[uint16][]fdb.Entry // the same by VLAN
	interfaces map[string][]fdb.Entry // of a gateway
}

// call reads the addresses that a bridge has learned.
func (b *bridge) call() *roll {
	r := &roll{bridge: b}
	if b.gateway != nil {
		r.interfaces = make(map[string][]fdb.Entry)
		for _, a := range b.gateway.Addresses() {
			r.interfaces[a.Interface] = append(r.interfaces[a.Interface], a.Entry)
		}
		return r
	}
	r.all, r.vlans = b.table.Addresses(), make(map[uint16][]fdb.Entry)
	for _, e := range r.all {
		r.vlans[e.Key.VLAN()] = append(r.vlans[e.Key.VLAN()], e)
	}
	return r
}

// beside returns the Ethernet addresses that the bridge has learned of those in a network with a port.
func (r *roll) beside(at *datapath.PortStatus) (list []fdb.Entry) {
	if r.gateway != nil {
		for name, entries := range r.interfaces {
			if r.gateway.Has(name, at.Name) {
				list = append(list, entries...)
			}
		}
		return list
	}
	v := &at.Config.VLAN
	if v.Mode == rules.VLANAccess || v.Mode == rules.VLANDot1qTunnel {
		return r.vlans[v.Tag]
	}
	for _, e := range r.all {
		if carries(v, e.Key.VLAN()) {
			list = append(list, e)
		}
	}
	return list
}

package config

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/goccy/go-yaml/ast"
)

const maxUnderlayMTU = 65535 // bytes of an IPv4 packet

// An underlayAt is a port's underlay, and where its parts stand.
type underlayAt struct {
	iface underlay.Interface
	whole value
	at    map[string][]value // by underlay.ConfigError.List
}

// underlayDevices are the types of port with a network device that is on our side of the wire: its Ethernet address is
// ours, and the kernel can share it.
var underlayDevices = map[string]bool{"afxdp": true, "afpacket": true}

// underlay reads what a port has of addresses.
func (r *bridges) underlay(v value, p *Port) {
	m, ok := v.mapping("a mapping of keys to values")
	if !ok {
		return
	}
	before := len(r.errs)
	u := underlayAt{iface: underlay.Interface{Port: p.Name}, whole: v, at: make(map[string][]value)}
	f := &u.iface
	m.get("address", func(v value) {
		for _, e := range v.oneOrList("an address with its prefix length, or a list of them") {
			f.Addresses = append(f.Addresses, readPrefix(e, "an address with its prefix length, such as 192.0.2.1/24"))
			u.at["address"] = append(u.at["address"], e)
		}
	})
	m.get("gateway", func(v value) { u.gateways(v) })
	m.get("routes", func(v value) {
		for _, e := range v.list("a list of routes") {
			u.route(e)
		}
	})
	m.get("neighbours", func(v value) {
		for _, e := range v.list("a list of neighbours") {
			u.neighbour(e)
		}
	})
	if !underlayDevices[p.Type] {
		f.Ethernet = defaultMAC("underlay", p.Name)
	}
	m.get("mac", func(v value) { f.Ethernet = readMAC(v) })
	vlan := 0
	m.get("vlan", func(v value) { v.integer(&vlan, minVLAN, maxVLAN); u.at["vlan"] = []value{v} })
	f.VLAN = uint16(vlan)
	m.get("mtu", func(v value) { v.integer(&f.MTU, 1, maxUnderlayMTU); u.at["mtu"] = []value{v} })
	m.get("kernel", func(v value) {
		if v.boolean(&f.Kernel); f.Kernel && !underlayDevices[p.Type] {
			v.fail("want a port of type afxdp or afpacket, whose device the kernel has too")
		}
		if f.Kernel && vlan != 0 {
			v.fail("want no vlan with it: the kernel's addresses are those of the device itself")
		}
		if f.Kernel && m.has("mac") {
			v.fail("want no mac with it: the kernel's is the device's own")
		}
	})
	m.finish()
	p.Underlay = f
	if len(r.errs) == before { // else what is wrong as a whole may follow from it
		r.underlays = append(r.underlays, u)
	}
}

// gateways reads the routers that all else goes by: of each family they make a default route.
func (u *underlayAt) gateways(v value) {
	var via [2][]netip.Addr
	for _, e := range v.oneOrList("the address of a router, or a list of them") {
		switch a := readAddr(e); {
		case !a.IsValid():
			return
		case a.Is4():
			via[0] = append(via[0], a)
		default:
			via[1] = append(via[1], a)
		}
	}
	for i, to := range [2]netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)} {
		if len(via[i]) > 0 {
			u.iface.Routes = append(u.iface.Routes, underlay.Route{To: to, Via: via[i]})
			u.at["routes"] = append(u.at["routes"], v)
		}
	}
}

func (u *underlayAt) route(e value) {
	m, ok := e.mapping("a route: a mapping with to and via")
	if !ok {
		return
	}
	var r underlay.Route
	m.require("to", "the prefix that the route is for")
	if !m.has("mark") {
		m.require("via", "a router or a list of routers")
	}
	m.get("to", func(v value) { r.To = readPrefix(v, "a prefix such as 192.0.2.0/24 or ::/0").Masked() })
	m.get("via", func(v value) { r.Via = readVia(v) })
	mark := 0
	m.get("mark", func(v value) { v.integer(&mark, 1, 1<<32-1) })
	r.Mark = uint32(mark)
	m.finish()
	u.iface.Routes = append(u.iface.Routes, r)
	u.at["routes"] = append(u.at["routes"], e)
}

func (u *underlayAt) neighbour(e value) {
	m, ok := e.mapping("a neighbour: a mapping with address and mac")
	if !ok {
		return
	}
	var n underlay.Neighbour
	m.require("address", "the host's IP address")
	m.require("mac", "the host's Ethernet address")
	m.get("address", func(v value) { n.Address = readAddr(v) })
	m.get("mac", func(v value) { n.Ethernet = readMAC(v) })
	m.finish()
	u.iface.Neighbours = append(u.iface.Neighbours, n)
	u.at["neighbours"] = append(u.at["neighbours"], e)
}

// checkUnderlay reports what is wrong with the underlays of all ports together.
func (r *bridges) checkUnderlay() {
	var c underlay.Config
	byPort := make(map[string]*underlayAt)
	for i := range r.underlays {
		u := &r.underlays[i]
		c.Interfaces = append(c.Interfaces, u.iface)
		byPort[u.iface.Port] = u
	}
	for _, e := range c.Check() {
		u := byPort[e.Port]
		place := u.whole
		if list := u.at[e.List]; len(list) > 0 {
			place = list[min(max(e.Index, 0), len(list)-1)]
		}
		place.fail("%s", e.Problem)
	}
}

// Underlay returns the underlay of all ports.
func (c *Config) Underlay() (u underlay.Config) {
	for _, b := range c.Bridges {
		for _, p := range b.Ports {
			if p.Underlay != nil {
				u.Interfaces = append(u.Interfaces, *p.Underlay)
			}
		}
	}
	return u
}

// oneOrList returns the elements of a list, or the value itself.
func (v value) oneOrList(want string) []value {
	if _, list := v.node.(*ast.SequenceNode); list {
		return v.list(want)
	}
	return []value{v}
}

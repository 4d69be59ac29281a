package config

import (
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/gateway"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/goccy/go-yaml/ast"
)

// table reads which rule table the bridge has, and what a gateway does.
func (r *bridges) table(m *mapping, b *Bridge) {
	isGateway := false
	m.get("table", func(v value) { isGateway = v.choice("openflow", "gateway") == 1 })
	m.get("gateway", func(v value) {
		if !isGateway {
			v.fail("want table: gateway in the bridge that has this section")
		}
	})
	if !isGateway {
		return
	}
	for _, name := range append([]string{"flows", "flows-file", "forward-bpdu", "flood-vlans", "tunnel-options", "tables", "packet-in-rate", "packet-in-burst",
		"meters", "mirrors", "bonds"}, snoopingKeys[:]...) {
		m.get(name, func(v value) { v.fail("want it in bridges with the table openflow only") })
	}
	for i := range b.Ports {
		if problem := gatewayPort(&b.Ports[i]); problem != "" {
			m.given["ports"].fail("port %s: %s", b.Ports[i].Name, problem)
		}
	}
	b.Normal, b.Rules = false, nil
	m.require("gateway", "what the gateway does")
	b.Gateway = &gateway.Config{}
	m.section("gateway", func(s *mapping) {
		g := gatewayReader{mapping: s, bridge: b, at: make(map[string][]value)}
		g.read(b.Gateway)
	})
}

// gatewayPort returns what keeps a port from being a gateway's.
func gatewayPort(p *Port) string {
	if !p.VLAN.Equal(&rules.VLAN{}) {
		return "want no vlan in a bridge with the table gateway: its interfaces say which VLANs a port has"
	}
	typ, err := encap.ParseType(p.Type)
	if err != nil {
		return ""
	}
	c, err := tunnel.Parse(typ, p.Options)
	if err != nil {
		return "" // that has been said
	}
	if name := c.ByFlow(); name != "" {
		return fmt.Sprintf("%s: want it not by flow in a bridge with the table gateway, no rule of which sets tunnel fields", name)
	}
	return ""
}

// A gatewayReader reads the section gateway.
type gatewayReader struct {
	*mapping
	bridge *Bridge
	at     map[string][]value // elements of the lists
}

func (g *gatewayReader) read(c *gateway.Config) {
	before := len(g.r.errs)
	g.each("interfaces", "an interface: a mapping with name and ports", func(m *mapping) {
		c.Interfaces = append(c.Interfaces, g.iface(m))
	})
	g.each("routes", "a route: a mapping with to and via", func(m *mapping) { c.Routes = append(c.Routes, g.route(m)) })
	g.each("neighbours", "a neighbour: a mapping with address and mac", func(m *mapping) {
		c.Neighbours = append(c.Neighbours, g.neighbour(m))
	})
	g.each("acl", "a rule: a mapping with action", func(m *mapping) { c.ACL = append(c.ACL, g.rule(m)) })
	g.get("acl-default", func(v value) { c.Deny = v.choice("permit", "deny") == 1 })
	if len(g.r.errs) > before {
		return // what is wrong as a whole may follow from it
	}
	for _, e := range c.Check() {
		g.at[e.List][e.Index].fail("%s", e.Problem)
	}
}

// each reads the mappings of a list.
func (g *gatewayReader) each(name, want string, read func(*mapping)) {
	g.get(name, func(v value) {
		for _, e := range v.list("a list") {
			g.at[name] = append(g.at[name], e)
			if m, ok := e.mapping(want); ok {
				read(&m)
				m.finish()
			}
		}
	})
}

func (g *gatewayReader) iface(m *mapping) gateway.Interface {
	var f gateway.Interface
	m.require("name", "the interface's name")
	m.get("name", func(v value) { v.text(&f.Name, "a name: "+NameRule, ValidName) })
	f.MAC = defaultMAC(g.bridge.Name, f.Name)
	m.get("ports", func(v value) {
		for _, e := range v.list("a list of ports") {
			f.Members = append(f.Members, gateway.Member{Port: g.port(e)})
		}
	})
	m.get("tagged", func(v value) {
		for _, e := range v.list("a list of mappings with port and vlan") {
			if t, ok := e.mapping("a mapping with port and vlan"); ok {
				f.Members = append(f.Members, g.tagged(&t))
				t.finish()
			}
		}
	})
	m.get("mac", func(v value) { f.MAC = readMAC(v) })
	m.get("addresses", func(v value) {
		for _, e := range v.list("a list of addresses with prefix length") {
			f.Addresses = append(f.Addresses, readPrefix(e, "an address with its prefix length, such as 192.0.2.1/24"))
		}
	})
	return f
}

func (g *gatewayReader) tagged(m *mapping) gateway.Member {
	var t gateway.Member
	vlan := 0
	m.require("port", "the port's name")
	m.require("vlan", "the VLAN of its tag")
	m.get("port", func(v value) { t.Port = g.port(v) })
	m.get("vlan", func(v value) { v.integer(&vlan, minVLAN, maxVLAN) })
	t.VLAN = uint16(vlan)
	return t
}

// port reads the name of one of the bridge's ports.
func (g *gatewayReader) port(v value) (name string) {
	v.text(&name, "a port of the bridge", func(s string) bool {
		return slices.ContainsFunc(g.bridge.Ports, func(p Port) bool { return p.Name == s })
	})
	return name
}

func (g *gatewayReader) route(m *mapping) gateway.Route {
	var r gateway.Route
	m.require("to", "the prefix that the route is for")
	m.get("to", func(v value) { r.To = readPrefix(v, "a prefix such as 192.0.2.0/24 or ::/0").Masked() })
	m.get("via", func(v value) { r.Via = readVia(v) })
	m.get("drop", func(v value) { v.boolean(&r.Drop) })
	return r
}

// readVia reads a router or a list of routers.
func readVia(v value) (via []netip.Addr) {
	if _, list := v.node.(*ast.SequenceNode); !list {
		return []netip.Addr{readAddr(v)}
	}
	for _, e := range v.list("an IP address or a list of them") {
		via = append(via, readAddr(e))
	}
	return via
}

func (g *gatewayReader) neighbour(m *mapping) gateway.Neighbour {
	var n gateway.Neighbour
	m.require("address", "the host's IP address")
	m.require("mac", "the host's Ethernet address")
	m.get("address", func(v value) { n.Address = readAddr(v) })
	m.get("mac", func(v value) { n.MAC = readMAC(v) })
	return n
}

func (g *gatewayReader) rule(m *mapping) gateway.Rule {
	var r gateway.Rule
	m.require("action", "permit or deny")
	m.get("action", func(v value) { r.Permit = v.choice("permit", "deny") == 0 })
	m.get("interface", func(v value) { v.text(&r.Interface, "the name of an interface", ValidName) })
	m.get("protocol", func(v value) { r.Protocol = readProtocol(v) })
	const want = "a prefix such as 192.0.2.0/24, or any"
	m.get("from", func(v value) { r.From = readPrefixOrAny(v, want) })
	m.get("to", func(v value) { r.To = readPrefixOrAny(v, want) })
	m.get("from-ports", func(v value) { r.FromPorts = readPorts(v) })
	m.get("to-ports", func(v value) { r.ToPorts = readPorts(v) })
	return r
}

func readAddr(v value) (a netip.Addr) {
	v.parsed("an IP address", func(s string) (err error) {
		if a, err = netip.ParseAddr(s); err == nil && a.Zone() != "" {
			err = fmt.Errorf("zone")
		}
		return err
	})
	return a
}

func readPrefix(v value, want string) (p netip.Prefix) {
	v.parsed(want, func(s string) (err error) {
		p, err = netip.ParsePrefix(s)
		return err
	})
	return p
}

func readPrefixOrAny(v value, want string) netip.Prefix {
	if s, _ := v.scalar(want); s == "any" {
		return netip.Prefix{}
	}
	return readPrefix(v, want).Masked()
}

func readMAC(v value) (mac [6]byte) {
	v.parsed("a unicast Ethernet address such as 02:00:00:00:00:01", func(s string) error {
		m, err := net.ParseMAC(s)
		if err == nil && (len(m) != 6 || m[0]&1 != 0 || [6]byte(m) == [6]byte{}) {
			err = fmt.Errorf("not unicast")
		}
		if err == nil {
			mac = [6]byte(m)
		}
		return err
	})
	return mac
}

// protocols are the names of IP protocols that rules may use instead of numbers.
var protocols = map[string]uint8{
	"icmp": wire.ProtoICMP, "tcp": wire.ProtoTCP, "udp": wire.ProtoUDP, "icmp6": wire.ProtoICMPv6, "sctp": wire.ProtoSCTP,
}

func readProtocol(v value) (p gateway.Protocol) {
	v.parsed("icmp, icmp6, tcp, udp, sctp, or a number from 0 to 255", func(s string) error {
		n, named := protocols[s]
		if !named {
			number, err := strconv.ParseUint(s, 10, 8)
			if err != nil {
				return err
			}
			n = uint8(number)
		}
		p = gateway.Protocol{Number: n, Given: true}
		return nil
	})
	return p
}

func readPorts(v value) (p gateway.Ports) {
	v.parsed("a port from 1 to 65535, or a range such as 8000-8080", func(s string) error {
		first, last, isRange := strings.Cut(s, "-")
		if !isRange {
			last = first
		}
		lo, errLo := strconv.ParseUint(first, 10, 16)
		hi, errHi := strconv.ParseUint(last, 10, 16)
		if errLo != nil || errHi != nil || lo == 0 || lo > hi {
			return fmt.Errorf("no range")
		}
		p = gateway.Ports{First: uint16(lo), Last: uint16(hi)}
		return nil
	})
	return p
}

// parsed reads a scalar that parse must take.
func (v value) parsed(want string, parse func(string) error) {
	if s, ok := v.scalar(want); ok && parse(s) != nil {
		v.bad(want)
	}
}

// defaultMAC returns a locally administered address that belongs to an interface by its name, so that it is
// the same after a restart.
func defaultMAC(bridge, name string) [6]byte {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s", bridge, name)
	v := h.Sum64()
	return [6]byte{0x02, byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

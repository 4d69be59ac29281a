package config

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// Ranges of a bond's settings.
const (
	maxBondDelay     = time.Hour
	maxBondRebalance = 24 * time.Hour
	maxUint16        = 0xffff
	maxUint32        = 0xffff_ffff
)

// bondList reads the bonds of a bridge, whose ports are those of b.
func (r *bridges) bondList(v value, b *Bridge) []openflow.Bond {
	members := make(map[string]value)
	var list []openflow.Bond
	for _, e := range v.list("a list of bonds") {
		m, ok := e.mapping("a bond: a mapping with a name and members")
		if !ok {
			continue
		}
		before := len(r.errs)
		one := r.bond(&m, b, members)
		m.finish()
		if err := one.Check(); err != nil && len(r.errs) == before {
			e.fail("%v", err)
		}
		if len(r.errs) == before && one.LACP != bond.LACPOff && one.System == ([6]byte{}) && b.addressless(&one) {
			e.fail("want lacp-system-id in bond %s, which speaks LACP: none of its members has an address that the bond could be known by (their option mac)", one.Name)
		}
		list = append(list, one)
	}
	return list
}

func (r *bridges) bond(s *mapping, b *Bridge, members map[string]value) openflow.Bond {
	c := openflow.Bond{Config: bond.Config{Rebalance: bond.DefaultRebalance, SystemPriority: bond.DefaultPriority}}
	s.require("name", "the bond's name")
	s.require("members", "the ports that it is made of")
	s.get("name", func(v value) { r.name(v, &c.Name, r.ports) })
	s.get("members", func(v value) { c.Members = b.bondMembers(v, members) })
	s.get("mode", func(v value) { c.Mode = bond.Mode(max(v.choice(bond.Modes()...), 0)) })
	s.get("bond-updelay", func(v value) { v.duration(&c.UpDelay, 0, maxBondDelay) })
	s.get("bond-downdelay", func(v value) { v.duration(&c.DownDelay, 0, maxBondDelay) })
	s.get("bond-primary", func(v value) { b.bondPort(v, &c.Primary) })
	s.get("bond-rebalance-interval", func(v value) { v.durationOr("off", 0, &c.Rebalance, bond.MinRebalance, maxBondRebalance) })
	s.get("bond-hash-basis", func(v value) {
		n := 0
		v.integer(&n, 0, maxUint32)
		c.HashBasis = uint32(n)
	})
	s.get("all-members-active", func(v value) { v.boolean(&c.AllMembersActive) })
	readLACP(s, &c.Config)
	s.section("vlan", func(s *mapping) { c.VLAN = readVLAN(s) })
	s.get("protected", func(v value) { v.boolean(&c.Protected) })
	s.get("mcast-snooping-flood", func(v value) { v.boolean(&c.Multicast.Flood) })
	s.get("mcast-snooping-flood-reports", func(v value) { v.boolean(&c.Multicast.FloodReports) })
	return c
}

// addressless reports whether no member has an address of its own: devices do, other ports if somebody gave them one.
func (b *Bridge) addressless(bond *openflow.Bond) bool {
	devices := []string{"afxdp", "afpacket", "tap"}
	for _, m := range bond.Members {
		i := slices.IndexFunc(b.Ports, func(p Port) bool { return p.Name == m.Name })
		if i < 0 || slices.Contains(devices, b.Ports[i].Type) || b.Ports[i].Options["mac"] != "" {
			return false
		}
	}
	return true
}

// readLACP reads what a bond says to its partner.
func readLACP(s *mapping, c *bond.Config) {
	s.get("lacp", func(v value) { c.LACP = bond.LACP(max(v.choice(bond.LACPs()...), 0)) })
	s.get("lacp-time", func(v value) { c.Fast = v.choice("slow", "fast") == 1 })
	s.get("lacp-fallback-ab", func(v value) { v.boolean(&c.FallbackAB) })
	s.get("lacp-system-id", func(v value) {
		text := ""
		v.text(&text, "a unicast Ethernet address such as 02:00:00:00:00:01", isUnicast)
		if mac, err := net.ParseMAC(text); err == nil {
			c.System = [6]byte(mac)
		}
	})
	s.get("lacp-system-priority", func(v value) { readUint16(v, &c.SystemPriority, 1, maxUint16) })
}

func isUnicast(s string) bool {
	mac, err := net.ParseMAC(s)
	return err == nil && len(mac) == 6 && mac[0]&1 == 0 && [6]byte(mac) != [6]byte{}
}

// bondMembers reads ports, each by its name or with what LACP says of it. seen has those of all bonds.
func (b *Bridge) bondMembers(v value, seen map[string]value) (list []bond.Member) {
	for _, e := range v.list("a list of the bridge's ports") {
		one := bond.Member{Priority: bond.DefaultPriority}
		name := e
		if !e.isMapping() {
			b.bondPort(e, &one.Name)
		} else if m, ok := e.mapping("a port of the bridge, or a mapping with its name"); ok {
			m.require("port", "the port's name")
			m.get("port", func(v value) {
				name = v
				b.bondPort(v, &one.Name)
			})
			m.get("lacp-port-id", func(v value) { readUint16(v, &one.Port, 1, maxUint16) })
			m.get("lacp-port-priority", func(v value) { readUint16(v, &one.Priority, 1, maxUint16) })
			m.get("lacp-aggregation-key", func(v value) { readUint16(v, &one.Key, 1, maxUint16) })
			m.finish()
		}
		if one.Name == "" {
			continue
		}
		if first, again := seen[one.Name]; again {
			name.fail("want a port that is in no bond, found %s again; the first is in line %d", one.Name, first.place().Line)
			continue
		}
		seen[one.Name] = name
		list = append(list, one)
	}
	return list
}

// bondPort reads the name of a port that may be in a bond. One with VLANs of its own is refused: those of the bond count.
func (b *Bridge) bondPort(v value, dst *string) {
	var known []string
	for i := range b.Ports {
		known = append(known, b.Ports[i].Name)
	}
	before := len(v.r.errs)
	v.text(dst, "one of the bridge's ports: "+strings.Join(known, ", "), func(s string) bool { return slices.Contains(known, s) })
	if len(v.r.errs) > before {
		return
	}
	p := &b.Ports[slices.Index(known, *dst)]
	if p.Protected || p.Multicast.Flood || p.Multicast.FloodReports || !p.VLAN.Equal(&rules.VLAN{}) {
		v.fail("want a port without vlan, protected and mcast-snooping settings of its own, which a bond has for all of its members, found %s", *dst)
	}
}

package config

import (
	"slices"
	"strings"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// mirrorList reads the mirrors of a bridge, whose ports are those of b.
func (r *bridges) mirrorList(v value, b *Bridge) []openflow.Mirror {
	names := make(map[string]value)
	var list []openflow.Mirror
	for _, e := range v.list("a list of mirrors") {
		if m, ok := e.mapping("a mirror: a mapping with a name, what it selects and where it sends to"); ok {
			list = append(list, r.mirror(&m, b, names))
			m.finish()
		}
	}
	if len(list) > openflow.MaxMirrors {
		v.fail("want %d mirrors at most, found %d", openflow.MaxMirrors, len(list))
	}
	return list
}

func (r *bridges) mirror(s *mapping, b *Bridge, names map[string]value) (m openflow.Mirror) {
	s.require("name", "the mirror's name")
	s.get("name", func(v value) { r.name(v, &m.Name, names) })
	s.get("select-all", func(v value) { v.boolean(&m.SelectAll) })
	s.get("select-src-port", func(v value) { m.SelectSrc = b.portNames(v) })
	s.get("select-dst-port", func(v value) { m.SelectDst = b.portNames(v) })
	s.get("select-vlan", func(v value) {
		for _, n := range v.numbers(0, maxMirrorVLAN) {
			m.SelectVLANs = append(m.SelectVLANs, uint16(n))
		}
	})
	s.get("output-port", func(v value) { b.portName(v, &m.OutputPort) })
	s.get("output-vlan", func(v value) { readUint16(v, &m.OutputVLAN, minVLAN, maxMirrorVLAN) })
	s.get("snaplen", func(v value) { readUint16(v, &m.Snaplen, openflow.MinSnaplen, openflow.MaxSnaplen) })
	if s.has("output-port") == s.has("output-vlan") {
		s.fail("want either output-port or output-vlan")
	}
	return m
}

// maxMirrorVLAN is the last VLAN that a mirror selects or sends to (ovs-vswitchd.conf.db(5), Mirror table).
const maxMirrorVLAN = 4095

// portNames reads a list of the bridge's ports.
func (b *Bridge) portNames(v value) (list []string) {
	for _, e := range v.list("a list of the bridge's ports") {
		name := ""
		b.portName(e, &name)
		list = append(list, name)
	}
	return list
}

// places returns the names of the bridge's ports, bonds in place of theirs.
func (b *Bridge) places() (names []string) {
	member := make(map[string]bool)
	for i := range b.Bonds {
		for _, m := range b.Bonds[i].Members {
			member[m.Name] = true
		}
	}
	for i := range b.Ports {
		if !member[b.Ports[i].Name] {
			names = append(names, b.Ports[i].Name)
		}
	}
	for i := range b.Bonds {
		names = append(names, b.Bonds[i].Name)
	}
	return names
}

// portName reads the name of one of the bridge's ports.
func (b *Bridge) portName(v value, dst *string) {
	known := b.places()
	v.text(dst, "one of the bridge's ports: "+strings.Join(known, ", "), func(s string) bool { return slices.Contains(known, s) })
}

func readUint16(v value, dst *uint16, lo, hi int) {
	n := 0
	v.integer(&n, lo, hi)
	*dst = uint16(n)
}

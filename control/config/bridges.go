package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/option"
)

// bridges reads the list of bridges and knows what must be unique in all of them together.
type bridges struct {
	source Source
	*reader
	names     map[string]value // of bridges
	ports     map[string]value // of ports
	profiles  map[string]value // names of profiles
	underlays []underlayAt
	together  tunnel.Together // the tunnels of ports read so far
}

func (r *bridges) read(v value) []Bridge {
	r.names, r.ports = make(map[string]value), make(map[string]value)
	var list []Bridge
	for _, e := range v.list("a list of bridges") {
		if m, ok := e.mapping("a bridge: a mapping with a name"); ok {
			list = append(list, r.bridge(&m))
			m.finish()
		}
	}
	r.checkUnderlay()
	return list
}

func (r *bridges) bridge(m *mapping) Bridge {
	b := defaultBridge()
	m.require("name", "the bridge's name")
	m.get("name", func(v value) { r.name(v, &b.Name, r.names) })
	m.get("mac-aging", func(v value) { v.duration(&b.MACAging, minMACAging, maxMACAging) })
	m.get("mac-table-size", func(v value) { v.integer(&b.MACTableSize, minMACTable, maxMACTable) })
	m.get("forward-bpdu", func(v value) { v.boolean(&b.ForwardBPDU) })
	m.get("fragments", func(v value) {
		if i := v.choice("normal", "drop", "nx-match"); i >= 0 {
			b.Fragments = openflow.Fragments(i)
		}
	})
	m.get("flood-vlans", func(v value) {
		for _, n := range v.numbers(0, maxVLAN) {
			b.FloodVLANs = append(b.FloodVLANs, uint16(n))
		}
	})
	readSnooping(m, &b.Snooping)
	m.get("packet-in-rate", func(v value) { v.integer(&b.PacketInRate, 1, maxPacketIns) })
	m.get("packet-in-burst", func(v value) { v.integer(&b.PacketInBurst, 1, maxPacketIns) })
	m.get("meters", func(v value) { b.Meters = r.meterList(v) })
	m.get("ports", func(v value) { b.Ports = r.portList(v) })
	m.get("bonds", func(v value) { b.Bonds = r.bondList(v, &b) })
	m.get("mirrors", func(v value) { b.Mirrors = r.mirrorList(v, &b) })
	m.get("tunnel-options", func(v value) { b.TunnelOptions = r.tunnelOptions(v) })
	m.get("groups", func(v value) { b.Groups = append(b.Groups, r.inlineRules(v)...) })
	m.get("groups-file", func(v value) { b.Groups = append(b.Groups, r.fileRules(v)...) })
	var tables value
	m.get("tables", func(v value) { tables, b.Limits = v, r.tableLimits(v) })
	m.get("flows", func(v value) {
		b.Normal = false
		b.Rules = append(b.Rules, r.inlineRules(v)...)
	})
	m.get("flows-file", func(v value) {
		b.Normal = false
		b.Rules = append(b.Rules, r.fileRules(v)...)
	})
	r.table(m, &b)
	flows := r.checkRules(&b)
	r.checkLimits(tables, &b, flows)
	return b
}

// checkRules returns a bridge's rules and reports the mistakes in them. Which number a port without one
// gets is not known yet; for checking any will do.
func (r *bridges) checkRules(b *Bridge) (flows []openflow.Flow) {
	ports := slices.Clone(b.Ports)
	for i := range ports {
		ports[i].Number = max(ports[i].Number, minPort)
	}
	options, err := (*flow.TLVMap)(nil).Replace(b.TunnelOptions)
	if err == nil {
		flows, _, err = b.Flows(ports, options)
	}
	var wrong Errors
	if errors.As(err, &wrong) {
		r.errs = append(r.errs, wrong...)
	}
	return flows
}

// name reads a name that must be unique among those in seen.
func (r *bridges) name(v value, dst *string, seen map[string]value) {
	before := len(r.errs)
	v.text(dst, "a name: "+NameRule, ValidName)
	if len(r.errs) > before {
		return
	}
	if first, again := seen[*dst]; again {
		v.fail("want a name of its own, found %s again; the first is in line %d", *dst, first.place().Line)
		return
	}
	seen[*dst] = v
}

const maxName = 63

// NameRule says in words what ValidName checks.
const NameRule = "1 to 63 letters, digits and _ . : @ -, neither a number nor a port word of OpenFlow"

// ValidName reports whether s may name a bridge or a port: something that can stand in rule text for
// a port, and is not taken there for a number or a reserved port.
func ValidName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("_.:@-", rune(c)) {
			return false
		}
	}
	if _, err := strconv.ParseInt(s, 0, 64); err == nil {
		return false
	}
	switch strings.ToLower(s) { // ovs-fields(7), in_port
	case "local", "in_port", "normal", "flood", "all", "controller", "table", "any", "none", "unset", "drop":
		return false
	}
	return s[0] != '-'
}

func (r *bridges) portList(v value) []Port {
	numbers := make(map[uint32]value)
	var list []Port
	for _, e := range v.list("a list of ports") {
		if m, ok := e.mapping("a port: a mapping with name and type"); ok {
			list = append(list, r.port(&m, numbers))
			m.finish()
		}
	}
	return list
}

func (r *bridges) port(m *mapping, numbers map[uint32]value) Port {
	p := Port{Options: make(map[string]string)}
	m.require("name", "the port's name")
	types := r.source.Drivers.names()
	m.require("type", "one of "+strings.Join(types, ", "))
	m.get("name", func(v value) { r.name(v, &p.Name, r.ports) })
	m.get("type", func(v value) {
		if i := v.choice(types...); i >= 0 {
			p.Type = types[i]
		}
	})
	m.get("number", func(v value) { readNumber(v, &p.Number, numbers) })
	m.section("vlan", func(s *mapping) { p.VLAN = readVLAN(s) })
	m.get("underlay", func(v value) { r.underlay(v, &p) })
	m.get("protected", func(v value) { v.boolean(&p.Protected) })
	m.get("mcast-snooping-flood", func(v value) { v.boolean(&p.Multicast.Flood) })
	m.get("mcast-snooping-flood-reports", func(v value) { v.boolean(&p.Multicast.FloodReports) })
	m.section("limits", func(s *mapping) {
		s.get("new-flows", func(v value) { v.integer(&p.Limits.NewFlows, 0, maxNewFlows) })
		s.get("flows", func(v value) { v.integer(&p.Limits.Flows, 0, maxFlows) })
		s.get("masks", func(v value) { v.integer(&p.Limits.Masks, 0, maxMasks) })
	})
	at := make(map[string]value) // where each option stands
	m.get("options", func(v value) { readOptions(v, p.Options, at) })
	m.get("device", func(v value) {
		if _, twice := p.Options["device"]; twice {
			v.fail("want the device once, found options.device too")
			return
		}
		device := ""
		v.text(&device, "the name of a network device or file", func(s string) bool { return s != "" })
		p.Options["device"], at["device"] = device, v
	})
	if p.Underlay != nil && p.Underlay.Kernel && p.Type == "afxdp" {
		if v, given := at["pass"]; given {
			v.fail("want none with underlay.kernel: the host gets all packets but those of tunnels")
		}
		p.Options["pass"] = "shared"
	}
	if check := r.source.Drivers[p.Type]; check != nil {
		m.get("type", func(v value) {
			reportOptions(check(p.Options), at, v)
			r.tunnel(&p, at, v)
		})
	}
	r.checkProfile(&p, at)
	return p
}

// reportOptions reports each error of an option where the option stands, and others at the port's type.
func reportOptions(err error, at map[string]value, typ value) {
	if err == nil {
		return
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			reportOptions(one, at, typ)
		}
		return
	}
	var e *option.Error
	if errors.As(err, &e) {
		if v, ok := at[e.Option]; ok {
			v.fail("%s", e.Problem)
			return
		}
	}
	typ.fail("%v", err)
}

// readNumber reads an OpenFlow port number that must be unique among those in seen.
func readNumber(v value, dst *uint32, seen map[uint32]value) {
	want := fmt.Sprintf("a whole number from %d to %d, or local", minPort, maxPort)
	s, ok := v.scalar(want)
	if !ok {
		return
	}
	n, err := strconv.ParseUint(s, 0, 32)
	if strings.EqualFold(s, "local") {
		n, err = localPort, nil
	}
	if err != nil || n < minPort || n > maxPort && n != localPort {
		v.bad(want)
		return
	}
	if first, again := seen[uint32(n)]; again {
		v.fail("want a number of its own, found %s again; the first is in line %d", s, first.place().Line)
		return
	}
	seen[uint32(n)] = v
	*dst = uint32(n)
}

// readOptions reads a driver's options: scalars, and lists of them that become comma-separated text.
// at gets the place of each.
func readOptions(v value, dst map[string]string, at map[string]value) {
	m, ok := v.mapping("a mapping of options to values")
	if !ok {
		return
	}
	for _, name := range m.order {
		m.get(name, func(o value) {
			at[name] = o
			if _, list := o.node.(*ast.SequenceNode); !list {
				dst[name], _ = o.scalar("text, a number, true or false, or a list of them")
				return
			}
			var parts []string
			for _, e := range o.list("a list") {
				part, _ := e.scalar("text or a number")
				parts = append(parts, part)
			}
			dst[name] = strings.Join(parts, ",")
		})
	}
}

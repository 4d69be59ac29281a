// Package classbench makes rule sets of the kinds that ClassBench describes (Taylor and Turner, "ClassBench:
// A Packet Classification Benchmark", INFOCOM 2005): access lists, firewalls and chains of IP filters. The
// shapes are its; the numbers are of our own making, not its seed files'. What takes a range of ports
// becomes a rule for each mask that the range needs, as a user of OpenFlow would write it.
//
// It is for tests and benchmarks. The same kind, size and seed make the same set.
package classbench

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Kind is a kind of rule set.
type Kind struct {
	Name string

	src, dst         []share // prefix lengths
	srcPort, dstPort []share // of the port classes below
	protocols        []share
	networks         float64 // how many networks the addresses are of, as a power of the number of rules
}

// A share is a value and how often it comes, in any unit.
type share struct{ value, weight int }

// Classes of ports.
const (
	anyPort   = iota
	highPorts // 1024 to 65535
	lowPorts  // 0 to 1023
	portRange
	onePort
)

// Kinds returns the kinds of rule sets.
func Kinds() []Kind {
	return []Kind{
		{ // what may enter and leave a site: addresses of hosts, services by number
			Name: "acl", networks: 0.6,
			src:       []share{{0, 25}, {8, 2}, {16, 6}, {20, 4}, {22, 4}, {24, 22}, {27, 5}, {28, 6}, {30, 4}, {32, 22}},
			dst:       []share{{0, 5}, {16, 6}, {21, 4}, {23, 6}, {24, 25}, {26, 5}, {28, 8}, {30, 6}, {32, 35}},
			srcPort:   []share{{anyPort, 95}, {highPorts, 4}, {onePort, 1}},
			dstPort:   []share{{anyPort, 30}, {highPorts, 4}, {lowPorts, 1}, {portRange, 10}, {onePort, 55}},
			protocols: []share{{6, 78}, {17, 14}, {1, 4}, {0, 4}},
		},
		{ // a firewall: one side mostly anybody
			Name: "fw", networks: 0.5,
			src:       []share{{0, 45}, {8, 3}, {12, 3}, {16, 8}, {24, 15}, {28, 6}, {32, 20}},
			dst:       []share{{0, 30}, {13, 2}, {16, 6}, {22, 4}, {24, 18}, {27, 5}, {32, 35}},
			srcPort:   []share{{anyPort, 70}, {highPorts, 18}, {portRange, 4}, {onePort, 8}},
			dstPort:   []share{{anyPort, 35}, {highPorts, 10}, {lowPorts, 3}, {portRange, 12}, {onePort, 40}},
			protocols: []share{{6, 58}, {17, 27}, {1, 6}, {47, 2}, {0, 7}},
		},
		{ // IP chains: long prefixes on both sides
			Name: "ipc", networks: 0.65,
			src:       []share{{0, 12}, {16, 6}, {24, 25}, {26, 6}, {29, 6}, {32, 45}},
			dst:       []share{{0, 10}, {16, 8}, {23, 4}, {24, 26}, {28, 7}, {32, 45}},
			srcPort:   []share{{anyPort, 80}, {highPorts, 6}, {portRange, 2}, {onePort, 12}},
			dstPort:   []share{{anyPort, 42}, {highPorts, 5}, {lowPorts, 1}, {portRange, 7}, {onePort, 45}},
			protocols: []share{{6, 55}, {17, 25}, {1, 8}, {0, 12}},
		},
	}
}

// A shape is what the filters of a set have in common that one hand has written: which parts they match,
// and how closely.
type shape struct{ src, dst, srcPort, dstPort, protocol int }

// shapesPerSet is how many shapes a set has. Real sets of 100,000 rules have some hundreds of different
// masks, masks for ranges of ports included.
const shapesPerSet = 60

// A set is a rule set in the making.
type set struct {
	*rand.Rand
	networks []uint32
	shapes   []shape
}

// Rules returns n rules in ovs-ofctl's syntax, of falling priority.
func (k Kind) Rules(n int, seed uint64) []string {
	s := &set{Rand: rand.New(rand.NewPCG(seed, uint64(n)))}
	for range shapesPerSet {
		s.shapes = append(s.shapes, shape{s.choose(k.src), s.choose(k.dst), s.choose(k.srcPort), s.choose(k.dstPort), s.choose(k.protocols)})
	}
	for range 4 + int(float64(n)*k.networks/10) {
		s.networks = append(s.networks, s.Uint32())
	}
	rules := make([]string, 0, n)
	known := make(map[string]bool, n)
	for len(rules) < n {
		for _, match := range s.filter() {
			if known[match] || len(rules) == n { // nobody writes a rule that another one hides
				continue
			}
			known[match] = true
			// 65535 priorities serve any number of rules.
			priority := 65000 - len(rules)*64000/n
			rules = append(rules, fmt.Sprintf("priority=%d,%s,actions=%s", priority, match, s.action()))
		}
	}
	return rules
}

func (s *set) action() string {
	if s.IntN(3) == 0 {
		return "drop"
	}
	return fmt.Sprintf("output:%d", 1+s.IntN(8))
}

// filter returns the matches that one random filter needs.
func (s *set) filter() []string {
	// The first shapes are those of most filters.
	shape := s.shapes[s.IntN(1+s.IntN(len(s.shapes)))]
	proto := shape.protocol
	match := map[int]string{0: "ip", 1: "icmp", 6: "tcp", 17: "udp"}[proto]
	if match == "" {
		match = fmt.Sprintf("ip,nw_proto=%d", proto)
	}
	match += s.address("nw_src", shape.src) + s.address("nw_dst", shape.dst)
	if proto != 6 && proto != 17 {
		return []string{match}
	}
	var all []string
	for _, src := range s.ports("tp_src", shape.srcPort) {
		for _, dst := range s.ports("tp_dst", shape.dstPort) {
			all = append(all, match+src+dst)
		}
	}
	return all
}

// choose returns one of the values, as often as their weights say.
func (s *set) choose(list []share) int {
	sum := 0
	for _, e := range list {
		sum += e.weight
	}
	n := s.IntN(sum)
	for _, e := range list {
		if n -= e.weight; n < 0 {
			return e.value
		}
	}
	return list[0].value
}

// address returns a match of a prefix of a length in one of the set's networks: neighbours share most
// of their bits, as those of real sites do.
func (s *set) address(field string, length int) string {
	if length == 0 {
		return ""
	}
	a := s.networks[s.IntN(len(s.networks))]
	a ^= s.Uint32() >> (16 + s.IntN(14))
	a &= ^uint32(0) << (32 - length)
	return fmt.Sprintf(",%s=%d.%d.%d.%d/%d", field, a>>24, a>>16&255, a>>8&255, a&255, length)
}

// services are ports that many rules are about.
var services = [...]int{20, 21, 22, 23, 25, 53, 67, 69, 80, 88, 110, 111, 119, 123, 135, 137, 139, 143, 161, 179, 389, 443, 445,
	465, 514, 515, 587, 636, 993, 995, 1433, 1521, 1723, 2049, 3128, 3306, 3389, 5060, 5432, 5900, 6000, 8080, 8443}

// ports returns the matches of a class of ports.
func (s *set) ports(field string, class int) []string {
	first, last := 0, 65535
	switch class {
	case anyPort:
		return []string{""}
	case highPorts:
		first = 1024
	case lowPorts:
		last = 1023
	case onePort:
		first = services[s.IntN(len(services))]
		if s.IntN(4) == 0 {
			first = 1024 + s.IntN(64000)
		}
		last = first
	case portRange:
		first = services[s.IntN(len(services))]
		last = first + 1<<(1+s.IntN(6)) - 1 - s.IntN(2)
	}
	var all []string
	for first <= last {
		size := 1
		for first&size == 0 && first+2*size-1 <= last && size < 1<<16 {
			size *= 2
		}
		all = append(all, fmt.Sprintf(",%s=0x%x/0x%x", field, first, 0x10000-size))
		first += size
	}
	return all
}

// Header returns a packet that a rule of Rules matches, as a match: the prefixes filled up with random
// bits. It does not matter to whoever looks it up that rules of higher priority may match as well.
func Header(rule string, g *rand.Rand) string {
	match, _, _ := strings.Cut(rule, ",actions=")
	var parts []string
	for part := range strings.SplitSeq(match, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "priority":
		case "nw_src", "nw_dst":
			parts = append(parts, name+"="+fillAddress(value, g))
		case "tp_src", "tp_dst":
			parts = append(parts, name+"="+fillPort(value, g))
		default:
			parts = append(parts, part)
		}
	}
	for _, name := range []string{"nw_src", "nw_dst"} {
		if !strings.Contains(match, name) {
			parts = append(parts, name+"="+fillAddress("0.0.0.0/0", g))
		}
	}
	if strings.Contains(match, "tcp") || strings.Contains(match, "udp") {
		for _, name := range []string{"tp_src", "tp_dst"} {
			if !strings.Contains(match, name) {
				parts = append(parts, fmt.Sprintf("%s=%d", name, g.IntN(65536)))
			}
		}
	}
	return strings.Join(parts, ",")
}

func fillAddress(prefix string, g *rand.Rand) string {
	var a, b, c, d, n uint32
	fmt.Sscanf(prefix, "%d.%d.%d.%d/%d", &a, &b, &c, &d, &n)
	v := a<<24 | b<<16 | c<<8 | d
	if n < 32 {
		v |= g.Uint32() >> n
	}
	return fmt.Sprintf("%d.%d.%d.%d", v>>24, v>>16&255, v>>8&255, v&255)
}

func fillPort(masked string, g *rand.Rand) string {
	var v, m uint32
	fmt.Sscanf(masked, "0x%x/0x%x", &v, &m)
	return fmt.Sprint(v | g.Uint32N(65536)&^m)
}

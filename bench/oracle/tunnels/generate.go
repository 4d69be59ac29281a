package tunnels

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/oracle"
	"github.com/culvertdev/culvert/encap/wire"
)

// A generator makes scenes.
type generator struct {
	*rand.Rand
	tlvs []tlv
}

// A tlv is a tunnel option that is a field.
type tlv struct {
	text, field string
	size        int // bytes
}

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// one reports true once in n.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

// packetsOfAScene come from hosts.
const packetsOfAScene = 10

// Generate makes the scene of a number: the same one every time.
func Generate(number uint64) Scene {
	g := &generator{Rand: rand.New(rand.NewPCG(number, 3))}
	s := Scene{Number: number, VLAN: pick(g, uint16(0), 0, 7)}
	if g.one(2) {
		g.tlvs = g.options()
		for _, o := range g.tlvs {
			s.TLVs = append(s.TLVs, o.text+"->"+o.field)
		}
	}
	// Open vSwitch finds one tunnel port for all packets of GRE's protocol: it takes no ERSPAN where there is GRE.
	types := []string{"vxlan", "geneve", pick(g, "gre", "erspan")}
	g.Shuffle(len(types), func(i, j int) { types[i], types[j] = types[j], types[i] })
	var all []kind
	for i := range 1 + g.IntN(len(types)) {
		k := g.tunnel(types[i], uint32(10+i))
		all = append(all, k)
		s.Tunnels = append(s.Tunnels, k.Tunnel)
	}
	for i := range all {
		s.Flows = append(s.Flows, g.out(all, i)...)
		s.Flows = append(s.Flows, g.in(all, i)...)
	}
	for i, data := range oracle.Packets(number, packetsOfAScene) {
		if whole(data) {
			s.Packets = append(s.Packets, Packet{hosts[i%len(hosts)], data})
		}
	}
	return s
}

// whole reports whether an IP packet has all that its header says. From others nothing is inherited here; Open vSwitch has
// a TTL of 0 from some.
func whole(b []byte) bool {
	at := wire.EthType
	typ := binary.BigEndian.Uint16(b[at:])
	for (typ == wire.TypeVLAN || typ == wire.TypeSVLAN) && len(b) >= at+6 {
		at += wire.VLANTagSize
		typ = binary.BigEndian.Uint16(b[at:])
	}
	switch h := b[at+2:]; typ {
	case wire.TypeIPv4:
		return len(h) >= wire.IPv4Size && h[0] == 0x45 && len(h) >= int(binary.BigEndian.Uint16(h[wire.IPv4Length:]))
	case wire.TypeIPv6:
		return len(h) >= wire.IPv6Size && h[0]>>4 == 6 && len(h) >= wire.IPv6Size+int(binary.BigEndian.Uint16(h[wire.IPv6Length:]))
	}
	return true
}

// options returns tunnel options that are fields: some critical, one without a value.
func (g *generator) options() (list []tlv) {
	for i := range 1 + g.IntN(4) {
		size := pick(g, 4, 4, 8, 20, 124/(i+1)&^3) // 256 bytes together at most
		list = append(list, tlv{
			fmt.Sprintf("{class=%#x,type=%#x,len=%d}", pick(g, 0x102, 0xffff), pick(g, 0, 0x80)+i, size), fmt.Sprint("tun_metadata", i), size,
		})
	}
	return list
}

// A kind is a tunnel, and what of it rules say.
type kind struct {
	Tunnel
	six, dst, src, key bool // over IPv6; by flow
	span               []string
}

// from reports whether somebody says which address the tunnel's packets come from. Open vSwitch sends none that has a mark from
// such: it wants a route with the mark to its own address as well.
func (k *kind) from() bool {
	return k.src || strings.Contains(strings.Join(k.Options, " "), "local_ip=")
}

// marks reports whether the tunnel's options say the mark of its packets.
func (k *kind) marks() bool {
	return strings.Contains(strings.Join(k.Options, " "), "egress_pkt_mark=")
}

// tunnel makes a tunnel's options.
func (g *generator) tunnel(typ string, number uint32) kind {
	k := kind{Tunnel: Tunnel{Number: number, Type: typ}, six: g.one(3)}
	add := func(name, value string) {
		if value != "" {
			k.Options = append(k.Options, name+"="+value)
		}
	}
	near, far := near4, pick(g, far4...)
	if k.six {
		near, far = near6, pick(g, far6...)
	}
	if k.dst = g.one(4); k.dst {
		add("remote_ip", "flow")
		k.src = g.one(3)
	} else {
		add("remote_ip", far.String())
	}
	if k.src {
		add("local_ip", "flow")
	} else if g.one(3) || k.dst && k.six {
		add("local_ip", near.String())
	}
	g.keys(&k, add)
	add("tos", pick(g, "", "", "32", "0xb8", "inherit"))
	add("ttl", pick(g, "", "", "1", "255", "inherit"))
	if !k.from() {
		add("egress_pkt_mark", pick(g, "", "", "", "0", mark, "9"))
	}
	add("df_default", pick(g, "", "", "false", "true"))
	if typ != "erspan" {
		sum := pick(g, "", "true", "false")
		if k.six && sum == "false" {
			sum = "" // Open vSwitch has one over IPv6 whatever it is told
		}
		add("csum", sum)
	}
	switch typ {
	case "vxlan":
		add("exts", pick(g, "", "", "gpe")) // Open vSwitch's userspace datapath has no group policy
		add("dst_port", pick(g, "", "", "8472"))
	case "geneve":
		add("dst_port", pick(g, "", "", "5000"))
	case "gre":
		// Open vSwitch sums packets up before it numbers them.
		if !slices.Contains(k.Options, "csum=true") {
			add("seq", pick(g, "", "", "true"))
		}
	case "erspan":
		g.erspan(&k, add)
	}
	return k
}

// keys makes a tunnel's keys.
func (g *generator) keys(k *kind, add func(name, value string)) {
	switch number := fmt.Sprint(g.keyOf(k.Type)); g.IntN(6) {
	case 0:
	case 1, 2:
		add("key", number)
	case 3:
		add("key", "flow")
		k.key = true
	case 4:
		add("in_key", number)
		add("out_key", "flow")
		k.key = true
	case 5:
		add("in_key", "flow")
		add("out_key", number)
	}
}

// keyOf returns a key that fits into a type's headers.
func (g *generator) keyOf(typ string) uint32 {
	switch typ {
	case "erspan":
		return pick(g, uint32(1), 42, 1023)
	case "gre":
		return pick(g, uint32(1), 42, 1<<32-1)
	}
	return pick(g, uint32(1), 42, 1<<24-1)
}

// erspan makes the fields of an ERSPAN header, fixed or by flow.
func (g *generator) erspan(k *kind, add func(name, value string)) {
	byFlow := g.one(3)
	field := func(name string, values ...string) {
		if !byFlow && g.one(2) {
			add(name, pick(g, values...))
			return
		}
		if !byFlow || g.one(2) { // where the version is by flow all are
			add(name, "flow")
		}
		k.span = append(k.span, fmt.Sprintf("set_field:%#x->tun_%s", g.IntN(2), name))
	}
	version := 1 + g.IntN(2)
	if byFlow {
		add("erspan_ver", "flow")
		k.span = append(k.span, fmt.Sprintf("set_field:%d->tun_erspan_ver", version))
	} else {
		add("erspan_ver", fmt.Sprint(version))
	}
	if byFlow || version == 1 {
		field("erspan_idx", "0", "5", "fffff")
	}
	if byFlow || version == 2 {
		field("erspan_dir", "0", "1")
		field("erspan_hwid", "0", "4", "3f")
	}
}

//go:build integration

package overlay

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/encap/wire"
)

// An outer is a packet from far to the switch, and where what is behind its IP header begins.
type outer struct {
	b    []byte
	l4   int
	sums bool // its UDP checksum is made right, unless it is 0
}

// outer returns a right packet over IPv4 or IPv6: a protocol's header, given in hexadecimal, and a frame for alice.
func (s *site) outer(to net.HardwareAddr, v6 bool, proto byte, header string) *outer {
	s.Helper()
	h, err := hex.DecodeString(strings.ReplaceAll(header, " ", ""))
	must(s.T, err)
	src, dst := far4, near4
	if v6 {
		src, dst = far6, near6
	}
	inner := s.sound(to, vxlanPort)[atInner:]
	b := wire.NewIP([6]byte(to), [6]byte(s.far.MAC), src, dst, proto, len(h)+len(inner))
	o := &outer{b: b, l4: len(b) - len(h) - len(inner), sums: true}
	copy(b[o.l4:], h)
	copy(b[o.l4+len(h):], inner)
	return o
}

// v6 reports whether the packet is IPv6's.
func (o *outer) v6() bool { return o.l4 == wire.EthernetSize+wire.IPv6Size }

// finish makes lengths and checksums right.
func (o *outer) finish() []byte {
	size := len(o.b) - o.l4
	h, udp := o.b[wire.EthernetSize:], o.b[o.l4:]
	proto, pseudo := h[wire.IPv4Protocol], wire.PseudoIPv4(h, wire.ProtoUDP, size)
	if o.v6() {
		binary.BigEndian.PutUint16(h[wire.IPv6Length:], uint16(size))
		proto, pseudo = h[wire.IPv6Next], wire.PseudoIPv6(h, wire.ProtoUDP, size)
	} else {
		binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(size+wire.IPv4Size))
		sum(o.b)
	}
	if proto != wire.ProtoUDP {
		return o.b
	}
	binary.BigEndian.PutUint16(udp[wire.UDPLength:], uint16(size))
	if check := udp[wire.UDPChecksum : wire.UDPChecksum+2]; o.sums && check[0]|check[1] != 0 {
		clear(check)
		binary.BigEndian.PutUint16(check, max(1, ^wire.Fold(wire.Sum(udp, pseudo))))
	}
	return o.b
}

// Headers behind IP, as tunnels of the test below want them; those of UDP have a checksum.
const (
	vxlan6  = "9c40 12b5 0000 0001  08000000 00002a00"
	geneve6 = "9c40 17c1 0000 0001  00006558 00002a00"
	gre6    = "2000 6558 0000002a"
	greSum  = "a000 6558 0001 0000 0000002a"
	nvgre4  = "2000 6558 00002a07"
	erspan2 = "1000 88be 00000001  10000005 00000003"
	erspan3 = "1000 22eb 00000001  20000005 00000000 00000000"
)

// Ways to be wrong of other packets than those of VXLAN and GENEVE over IPv4.
var malformedTypes = []struct {
	name, drop string
	v6         bool
	proto      byte
	header     string
	change     func(o *outer)
}{
	{"VXLAN over IPv6, UDP checksum", "tunnel_udp_checksum", true, wire.ProtoUDP, vxlan6, func(o *outer) { o.sums = false }},
	{"VXLAN over IPv6, no UDP checksum", "tunnel_no_udp_checksum", true, wire.ProtoUDP, vxlan6, func(o *outer) { o.b[o.l4+7] = 0 }},
	{"VXLAN over IPv6, no key", "tunnel_header", true, wire.ProtoUDP, vxlan6, func(o *outer) { o.b[o.l4+wire.UDPSize] = 0 }},
	{"VXLAN over IPv6, no Ethernet header inside", "tunnel_length", true, wire.ProtoUDP, vxlan6, func(o *outer) { o.b = o.b[:o.l4+16+13] }},
	{"VXLAN over IPv6, congestion marked outside, not inside", "tunnel_ecn", true, wire.ProtoUDP, vxlan6, func(o *outer) { o.b[wire.EthernetSize+1] |= 0x30 }},
	{"VXLAN behind a routing header with a way to go", "tunnel_ipv6_extension", true, wire.ProtoRouting,
		"1100 0401 00000000  9c40 12b5 0000 0000  08000000 00002a00", func(o *outer) { binary.BigEndian.PutUint16(o.b[o.l4+12:], uint16(len(o.b)-o.l4-8)) }},
	{"GENEVE over IPv6, options beyond the packet", "tunnel_options", true, wire.ProtoUDP, geneve6, func(o *outer) { o.b[o.l4+wire.UDPSize] |= 0x3f }},
	{"GENEVE over IPv6 of another version", "tunnel_header", true, wire.ProtoUDP, geneve6, func(o *outer) { o.b[o.l4+wire.UDPSize] |= 0x80 }},
	{"GRE over IPv6, a reserved flag", "tunnel_header", true, wire.ProtoGRE, gre6, func(o *outer) { o.b[o.l4] |= 0x40 }},
	{"GRE over IPv6, another version", "tunnel_header", true, wire.ProtoGRE, gre6, func(o *outer) { o.b[o.l4+1] |= 1 }},
	{"GRE over IPv6, cut off in its key", "tunnel_length", true, wire.ProtoGRE, greSum, func(o *outer) { o.b = o.b[:o.l4+10] }},
	{"GRE over IPv6, checksum", "tunnel_gre_checksum", true, wire.ProtoGRE, greSum, func(*outer) {}},
	{"NVGRE with a sequence number", "tunnel_header", false, wire.ProtoGRE, nvgre4 + "00000000", func(o *outer) { o.b[o.l4] |= 0x10 }},
	{"NVGRE, a VLAN tag inside", "tunnel_header", false, wire.ProtoGRE, nvgre4, func(o *outer) { o.b[o.l4+8+12], o.b[o.l4+8+13] = 0x81, 0 }},
	{"NVGRE, no Ethernet header inside", "tunnel_length", false, wire.ProtoGRE, nvgre4, func(o *outer) { o.b = o.b[:o.l4+8+13] }},
	{"ERSPAN type II of another version", "tunnel_header", false, wire.ProtoGRE, erspan2, func(o *outer) { o.b[o.l4+8] |= 0x20 }},
	{"ERSPAN type II, cut off in its header", "tunnel_length", false, wire.ProtoGRE, erspan2, func(o *outer) { o.b = o.b[:o.l4+14] }},
	{"ERSPAN type III of type II's protocol", "tunnel_header", false, wire.ProtoGRE, erspan3, func(o *outer) { o.b[o.l4+2], o.b[o.l4+3] = 0x88, 0xbe }},
}

// Beside the kernel's VXLAN over IPv4 there are tunnels of all other types. None of their packets, wrong in one place or in
// many, keeps the switch from forwarding.
func TestMalformedPacketsOfEveryTypeAreDroppedByName(t *testing.T) {
	need(t)
	s := newSite(t, plan{}, 2*time.Minute)
	beyond := s.kernel(inside.Tunnel{Type: "vxlan", Local: far4, Remote: near4, Key: key, Port: vxlanPort})
	const to4, to6 = "remote_ip: 10.77.0.2", `remote_ip: "fd77::2"`
	s.startWith("name: wan, type: afxdp", tunnelPort{"vx", "vxlan", to4 + ", key: 42"}, tunnelPort{"vx6", "vxlan", to6 + ", key: 42"},
		tunnelPort{"gnv6", "geneve", to6 + ", key: 42"}, tunnelPort{"gre6", "gre", to6 + ", key: 42"}, tunnelPort{"nvgre", "nvgre", to4 + ", key: 42"},
		tunnelPort{"span", "erspan", to4 + ", key: 5"})
	s.reach(s.alice, overlay(0, 2)[0].Addr(), 0)
	to := s.wanMAC()
	out, err := traffic.NewBlaster(s.far.Namespace, lab.HostLink)
	must(t, err)
	defer out.Close()
	var broken [][]byte
	r := rand.New(rand.NewPCG(3, 4))
	for _, m := range malformedTypes {
		o := s.outer(to, m.v6, m.proto, m.header)
		m.change(o)
		s.dropped(m.name, m.drop, func() { must(t, out.Once([][]byte{o.finish()})) })
		for range 300 {
			o := s.outer(to, m.v6, m.proto, m.header)
			for range 1 + r.IntN(3) {
				o.b[o.l4+r.IntN(20)] = byte(r.Uint32())
			}
			o.sums = r.IntN(4) > 0
			broken = append(broken, o.finish())
		}
	}
	must(t, out.Once(broken))
	s.exercise(beyond, 0)
	s.stop()
}

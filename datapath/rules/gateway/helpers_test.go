package gateway

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/flowcache/flow/flowtest"
	"github.com/culvertdev/culvert/ring/frame"
)

const second = int64(1e9)

// mac returns the Ethernet address of host n.
func mac(n byte) [6]byte { return [6]byte{2, 0, 0, 0, 0, n} }

func pre(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }

// twoNets is a gateway between a segment of two ports and one of a port with VLAN 20.
func twoNets() Config {
	return Config{
		Interfaces: []Interface{
			{Name: "lan", Members: []Member{{"p1", 0}, {"p2", 0}}, MAC: mac(0xa1),
				Addresses: []netip.Prefix{pre("10.0.1.1/24"), pre("fd00:1::1/64")}},
			{Name: "wan", Members: []Member{{"p3", 20}}, MAC: mac(0xa2),
				Addresses: []netip.Prefix{pre("10.0.2.1/24"), pre("fd00:2::1/64")}},
			{Name: "island", Members: []Member{{"p4", 0}, {"p1", 30}}},
		},
		Routes:     []Route{{To: pre("10.9.0.0/16"), Via: []netip.Addr{ip("10.0.2.254")}}, {To: pre("10.9.9.0/24"), Drop: true}},
		Neighbours: []Neighbour{{ip("10.0.2.2"), mac(2)}, {ip("fd00:2::2"), mac(2)}, {ip("10.0.2.254"), mac(9)}},
	}
}

// A bench is a gateway with ports, a clock and somebody who takes what it sends.
type bench struct {
	testing.TB
	*Table
	now  int64
	pool *frame.Pool
	sent []string // what the gateway sent itself: port, packet
}

func newBench(tb testing.TB, c Config) *bench {
	tb.Helper()
	b := &bench{TB: tb, now: 1000 * second}
	var err error
	if b.Table, err = New(c, Options{Clock: func() int64 { return b.now }}); err != nil {
		tb.Fatal(err)
	}
	var ports []rules.Port
	for i, name := range []string{"p1", "p2", "p3", "p4", "p5"} {
		ports = append(ports, rules.Port{ID: uint32(i + 1), Number: uint32(i + 1), Name: name, Up: true})
	}
	b.SetPorts(ports)
	b.SetSender(b)
	if b.pool, err = frame.NewPool(frame.Options{Buffers: 1024}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.pool.Close() })
	return b
}

// Inject implements rules.Sender.
func (b *bench) Inject(_ uint32, pkt []byte, program []uint64) error {
	b.sent = append(b.sent, action.Format(program, nil)+" "+describe(pkt))
	return nil
}

// describe says what is in a packet: addresses, protocol, and of ICMP the type and code.
func describe(pkt []byte) string {
	var s strings.Builder
	hex := func(m []byte) {
		s.WriteString(string("0123456789abcdef"[m[5]>>4]) + string("0123456789abcdef"[m[5]&15]))
	}
	hex(pkt[6:12])
	s.WriteString(">")
	hex(pkt[:6])
	h := pkt[14:]
	icmp := func(name string, m []byte) {
		s.WriteString(" " + name + string(rune('0'+m[0]/100)) + string(rune('0'+m[0]/10%10)) + string(rune('0'+m[0]%10)) + "/" + string(rune('0'+m[1])))
	}
	switch binary.BigEndian.Uint16(pkt[12:]) {
	case wire.TypeARP:
		s.WriteString(" arp " + string(rune('0'+h[7])) + " " + netip.AddrFrom4([4]byte(h[14:])).String() + ">" + netip.AddrFrom4([4]byte(h[24:])).String())
	case wire.TypeIPv4:
		s.WriteString(" " + netip.AddrFrom4([4]byte(h[12:])).String() + ">" + netip.AddrFrom4([4]byte(h[16:])).String())
		if h[9] == wire.ProtoICMP {
			icmp("icmp ", h[20:])
		}
	case wire.TypeIPv6:
		s.WriteString(" " + netip.AddrFrom16([16]byte(h[8:])).String() + ">" + netip.AddrFrom16([16]byte(h[24:])).String())
		if h[6] == wire.ProtoICMPv6 {
			icmp("icmp6 ", h[40:])
		}
	}
	return s.String()
}

// key returns the key of a frame that came in by a port.
func (b *bench) key(port uint32, pkt []byte) *flow.Key {
	b.Helper()
	return flowtest.Key(b, b.pool, 2, port, pkt)
}

// see lets the gateway see a packet that waits for its verdict.
func (b *bench) see(port uint32, pkt []byte) *rules.Verdict {
	b.Helper()
	v := new(rules.Verdict)
	q := &rules.Query{Key: b.key(port, pkt), Packet: pkt, Size: len(pkt), Now: b.now, Live: true}
	if err := b.Lookup(q, v); err != nil {
		b.Fatal(err)
	}
	b.Credit(v.Trail, 1, uint64(len(pkt)), b.now)
	return v
}

// look asks for the verdict on a packet without consequences.
func (b *bench) look(port uint32, pkt []byte) *rules.Verdict {
	b.Helper()
	v := new(rules.Verdict)
	if err := b.Lookup(&rules.Query{Key: b.key(port, pkt), Now: b.now}, v); err != nil {
		b.Fatal(err)
	}
	return v
}

func text(v *rules.Verdict) string { return action.Format(v.Actions.Words(), nil) }

func (b *bench) want(v *rules.Verdict, want string) {
	b.Helper()
	if got := text(v); got != want {
		b.Errorf("got  %s\nwant %s", got, want)
	}
}

// sends checks what the gateway has sent itself since the last time.
func (b *bench) sends(want ...string) {
	b.Helper()
	if got := strings.Join(b.sent, "\n"); got != strings.Join(want, "\n") {
		b.Errorf("the gateway sent\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	b.sent = nil
}

// udp returns a UDP packet to a port.
func udp(dst, src [6]byte, from, to string, ttl byte, port uint16) []byte {
	b := wire.NewIP(dst, src, ip(from), ip(to), wire.ProtoUDP, wire.UDPSize+4)
	if ip(from).Is4() {
		wire.SetTTL(b, wire.EthernetSize, ttl, 0xff)
	} else {
		b[wire.EthernetSize+wire.IPv6HopLimit] = ttl
	}
	l4 := b[len(b)-wire.UDPSize-4:]
	binary.BigEndian.PutUint16(l4[wire.SrcPort:], 1000)
	binary.BigEndian.PutUint16(l4[wire.DstPort:], port)
	binary.BigEndian.PutUint16(l4[wire.UDPLength:], wire.UDPSize+4)
	return b
}

// echo returns an echo request.
func echo(dst, src [6]byte, from, to string) []byte {
	proto, typ, header := byte(wire.ProtoICMP), byte(8), wire.IPv4Size
	if ip(from).Is6() {
		proto, typ, header = wire.ProtoICMPv6, 128, wire.IPv6Size
	}
	b := wire.NewIP(dst, src, ip(from), ip(to), proto, wire.ICMPSize)
	b[wire.EthernetSize+header] = typ
	wire.SumICMP(b)
	return b
}

// arp returns an ARP packet.
func arp(dst [6]byte, op byte, sha [6]byte, spa, tpa string) []byte {
	b := make([]byte, wire.MinFrame)
	wire.PutEthernet(b, dst, sha, wire.TypeARP)
	h := b[wire.EthernetSize:]
	binary.BigEndian.PutUint64(h, 1<<48|wire.TypeIPv4<<32|6<<24|4<<16|uint64(op))
	copy(h[wire.ARPSHA:], sha[:])
	copy(h[wire.ARPSPA:], ip(spa).AsSlice())
	copy(h[wire.ARPTPA:], ip(tpa).AsSlice())
	return b
}

// tagged puts a VLAN tag on a packet.
func tagged(vlan uint16, pkt []byte) []byte {
	b := append([]byte{}, pkt[:12]...)
	b = append(b, 0x81, 0, byte(vlan>>8), byte(vlan))
	return append(b, pkt[12:]...)
}

var all = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

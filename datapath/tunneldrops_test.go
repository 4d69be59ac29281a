package datapath_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// A damage is a way to go wrong in a tunnel.
type damage struct {
	name    string
	packets [][]byte
	wish    frame.Offload // what their sender has left to others
	reason  string        // under which all but good are counted
	good    int
	known   bool // of which tunnel they are
}

// wrongly returns a packet in a tunnel that o says, from 192.0.2.2 or 2001:db8::2, otherwise as change leaves it.
func wrongly(t *testing.T, o encap.Outer, change func(p []byte)) []byte {
	t.Helper()
	if o.TTL = 64; !o.Src.IsValid() {
		o.Src, o.Dst = netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.1")
	}
	p := inTunnelAs(t, &o, udp(t, 1, 2, 7, 50))
	change(p)
	return p
}

// sumIPv4 makes the checksum of an outer IPv4 header right.
func sumIPv4(p []byte) {
	p[24], p[25] = 0, 0
	binary.BigEndian.PutUint16(p[24:], wire.Checksum(p[14:34]))
}

// outerFragment returns an outer IPv4 fragment of n bytes at a place, in units of 8 bytes, of packet id.
func outerFragment(id byte, place uint16, n int) []byte {
	p := slices.Concat(make([]byte, 12), []byte{8, 0, 0x45, 0, 0, 0, 0, id, 0, 0, 64, 17, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1}, make([]byte, n))
	binary.BigEndian.PutUint16(p[16:], uint16(20+n))
	binary.BigEndian.PutUint16(p[20:], place)
	sumIPv4(p)
	return p
}

// damages returns every way for a packet out of a tunnel.
func damages(t *testing.T) []damage {
	v4, sum := encap.Outer{Type: encap.VXLAN, Key: 7}, encap.Outer{Type: encap.VXLAN, Key: 7, Checksum: true}
	v6 := encap.Outer{Type: encap.VXLAN, Key: 7, Src: netip.MustParseAddr("2001:db8::2"), Dst: netip.MustParseAddr("2001:db8::1")}
	gre := encap.Outer{Type: encap.GRE, HasKey: true, Key: 7, Checksum: true}
	options := encap.Outer{Type: encap.Geneve, Key: 7, Options: []byte{1, 2, 0x83, 1, 9, 9, 9, 9}}
	more := uint16(wire.IPv4MoreFragments)
	one := func(o encap.Outer, change func(p []byte)) [][]byte { return [][]byte{wrongly(t, o, change)} }
	var crowd [][]byte
	for id := range byte(17) {
		crowd = append(crowd, outerFragment(100+id, more, 800))
	}
	extended := wrongly(t, v6, func(p []byte) { p[14+wire.IPv6Next] = wire.ProtoHopOpts; p[14+wire.IPv6Length+1] += 8 })
	extended = slices.Insert(extended, 54, wire.ProtoUDP, 0, 0xc2, 4, 0, 1, 0, 0)
	return []damage{
		{name: "a length", packets: one(v4, func(p []byte) { p[39]++ }), reason: "tunnel_length"},
		{name: "a header", packets: one(v4, func(p []byte) { p[42] = 0 }), reason: "tunnel_header", known: true},
		{name: "options beyond the packet", packets: one(options, func(p []byte) { p[42] = 0x3f }), reason: "tunnel_options", known: true},
		{name: "an option beyond the others", packets: one(options, func(p []byte) { p[53] = 9 }), reason: "tunnel_options", known: true},
		{name: "a critical option that is not mapped", packets: one(options, func([]byte) {}), reason: "option_not_mapped"},
		{name: "an extension header", packets: [][]byte{extended}, reason: "tunnel_ipv6_extension"},
		{name: "an IPv4 checksum", packets: one(v4, func(p []byte) { p[24]++ }), reason: "tunnel_ip_checksum", known: true},
		{name: "a UDP checksum", packets: one(sum, func(p []byte) { p[40]++ }), reason: "tunnel_udp_checksum", known: true},
		{name: "no UDP checksum", packets: one(v6, func([]byte) {}), reason: "tunnel_no_udp_checksum", known: true},
		{name: "a GRE checksum", packets: one(gre, func(p []byte) { p[38]++ }), reason: "tunnel_gre_checksum", known: true},
		{name: "a congestion mark that is lost", packets: one(v4, func(p []byte) { p[15] |= 3; sumIPv4(p) }), reason: "tunnel_ecn", known: true},
		{name: "not cut", packets: one(v4, func([]byte) {}), wish: frame.Offload{GSO: frame.GSOUDPL4, GSOSize: 9}, reason: "tunnel_unfinished", known: true},
		{name: "a fragment beyond what a packet can have", packets: [][]byte{outerFragment(1, 0x1ff0, 800)}, reason: "tunnel_fragment"},
		{name: "fragments that overlap", packets: [][]byte{outerFragment(2, more, 800), outerFragment(2, more|50, 800)}, reason: "tunnel_fragment_overlap"},
		{name: "a fragment that is small", packets: [][]byte{outerFragment(3, more, 80)}, reason: "tunnel_fragment_small"},
		{name: "a fragment alone", packets: [][]byte{outerFragment(4, more, 800)}, reason: "tunnel_fragment_late"},
		{name: "too many packets in fragments", packets: crowd, good: 16, reason: "tunnel_fragment_crowd"},
	}
}

// newDamageLab is newTunnelLab with more tunnels, none of which takes what has no checksum where there should be one.
func newDamageLab(t *testing.T, into *action.Program) *lab {
	l := newTunnelLab(t, datapath.Options{}, into)
	tunnels, err := encap.NewTunnels([]encap.Address{{Addr: netip.MustParseAddr("192.0.2.1")}, {Addr: netip.MustParseAddr("2001:db8::1")}}, []encap.Tunnel{
		{Port: tunnel, Type: encap.VXLAN, Key: 7}, {Port: tunnel, Type: encap.Geneve, Key: 7}, {Port: tunnel, Type: encap.GRE, Key: 7},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.sw.SetTunnels(map[uint32]*encap.Tunnels{wan: tunnels})
	return l
}

// ofPort returns a counter of the tunnel's port.
func (l *lab) ofPort(name string) uint64 {
	for _, p := range l.sw.Ports() {
		if p.ID == tunnel {
			return value(p.Samples, name)
		}
	}
	return 0
}

// TestEveryWrongPacketOutOfATunnelIsExplained: each is counted under one name, and the tunnel's port counts it, too, where
// it is known of which tunnel it is.
func TestEveryWrongPacketOutOfATunnelIsExplained(t *testing.T) {
	explained := make(map[string]bool)
	for _, c := range damages(t) {
		t.Run(c.name, func(t *testing.T) {
			l := newDamageLab(t, program(func(p *action.Program) { p.Drop(action.ByRule) }))
			l.sendWith("wan", c.wish, c.packets...)
			want := uint64(len(c.packets) - c.good)
			l.waitFor(c.reason, drops, want)
			if !c.known {
				want = 0
			}
			waitUntil(t, "the port has counted", func() bool { return l.ofPort(c.reason) == want })
			for _, s := range l.sw.Stats().Drops {
				if s.Name != c.reason && s.Value != 0 && c.good == 0 { // what waits is late in the end
					t.Errorf("%s is %d as well", s.Name, s.Value)
				}
			}
		})
		explained[c.reason] = true
	}
	// Those of packets on their way in, which have tests of their own.
	into := []string{"tunnel_headroom", "tunnel_too_long", "tunnel_mtu", "tunnel_no_buffer"}
	for _, d := range encap.Reasons()[1:] {
		if !explained[d.Name] && !slices.Contains(into, d.Name) {
			t.Errorf("no packet is dropped for %s", d.Name)
		}
		if !strings.HasSuffix(d.Help, ".") {
			t.Errorf("%s: %q is no sentence", d.Name, d.Help)
		}
	}
}

func TestEveryPacketThatDoesNotFitIntoATunnelIsExplained(t *testing.T) {
	o := between("192.0.2.1", "192.0.2.2", 7)
	nested := program(func(p *action.Program) {
		for range 9 {
			words := pushed(t, o, action.Header{}).Words()
			p.Become(append(p.Words(), words[:len(words)-1]...)) // without the output
		}
	})
	for _, c := range []struct {
		reason string
		into   *action.Program
		packet []byte
	}{
		{"tunnel_mtu", pushed(t, o, action.Header{Longest: 60}), udp(t, 1, 2, 7, 50)},
		{"tunnel_headroom", nested, udp(t, 1, 2, 7, 50)},
	} {
		l := newDamageLab(t, c.into)
		l.send("guest", c.packet)
		l.waitFor(c.reason, drops, 1)
		waitUntil(t, "the port has counted "+c.reason, func() bool { return l.ofPort(c.reason) == 1 })
	}
}

// sendWith sends packets whose sender has left something to others.
func (l *lab) sendWith(port string, wish frame.Offload, packets ...[]byte) {
	l.t.Helper()
	if wish == (frame.Offload{}) {
		l.send(port, packets...)
		return
	}
	c, err := l.pool.NewCache()
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	var b frame.Batch
	for _, p := range packets {
		f, ok := c.FromBytes(p)
		if !ok {
			l.t.Fatal("the arena is exhausted")
		}
		f.SetFlags(frame.HasOffload)
		l.pool.Meta(f).Offload = wish
		b.Append(f)
	}
	if n := l.peers[port].Queues()[0].Send(&b); n != len(packets) {
		l.t.Fatalf("port %s took %d of %d packets", port, n, len(packets))
	}
}

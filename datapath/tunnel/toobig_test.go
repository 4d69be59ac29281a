package tunnel

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var guestA, guestB = [6]byte{2, 0, 0, 0, 0, 0xa}, [6]byte{2, 0, 0, 0, 0, 0xb}

// longPacket returns a packet of 1600 bytes and its headers, from one guest to another.
func longPacket(src, dst string, proto byte, change func(l3 []byte)) []byte {
	b := wire.NewIP(guestB, guestA, netip.MustParseAddr(src), netip.MustParseAddr(dst), proto, 1600)
	h := b[wire.EthernetSize:]
	if h[0]>>4 == 4 {
		h[wire.IPv4Fragment] = wire.IPv4DontFragment >> 8
	}
	if change != nil {
		change(h)
	}
	return b
}

// tagged returns a packet with a tag.
func tagged(packet []byte, typ, tci uint16) []byte {
	b := binary.BigEndian.AppendUint16(bytes.Clone(packet[:wire.EthType]), typ)
	return append(binary.BigEndian.AppendUint16(b, tci), packet[wire.EthType:]...)
}

func TestASenderIsToldOfPacketsThatAreTooLongAndMayNotBeCut(t *testing.T) {
	const a, b, a6, b6 = "10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"
	for _, c := range []struct {
		name   string
		packet []byte
		mtu    int // 0: nobody is told
	}{
		{"IPv4", longPacket(a, b, wire.ProtoTCP, nil), 1450},
		{"IPv6", longPacket(a6, b6, wire.ProtoTCP, nil), 1450},
		{"a tag", tagged(longPacket(a, b, wire.ProtoTCP, nil), wire.TypeVLAN, 5), 1446},
		{"two tags", tagged(tagged(longPacket(a6, b6, wire.ProtoTCP, nil), wire.TypeVLAN, 5), wire.TypeSVLAN, 6), 1442},
		{"ping", longPacket(a, b, wire.ProtoICMP, func(h []byte) { h[20] = 8 }), 1450},
		{"ping over IPv6", longPacket(a6, b6, wire.ProtoICMPv6, func(h []byte) { h[40] = 128 }), 1450},
		{"the first fragment of a ping", longPacket(a6, b6, wire.ProtoFragment, func(h []byte) { h[40], h[43], h[48] = wire.ProtoICMPv6, 1, 128 }), 1450},
		{"a link-local sender", longPacket("fe80::1", b6, wire.ProtoUDP, nil), 1450},
		{"IPv4 that may be cut", longPacket(a, b, wire.ProtoTCP, func(h []byte) { h[wire.IPv4Fragment] = 0 }), 0},
		{"an ICMP error", longPacket(a, b, wire.ProtoICMP, func(h []byte) { h[20] = 3 }), 0},
		{"an ICMPv6 error", longPacket(a6, b6, wire.ProtoICMPv6, func(h []byte) { h[40] = 2 }), 0},
		{"an ICMPv6 error behind options", longPacket(a6, b6, wire.ProtoHopOpts, func(h []byte) { h[40], h[42], h[43], h[48] = wire.ProtoICMPv6, 1, 4, 1 }), 0},
		{"a later fragment", longPacket(a, b, wire.ProtoTCP, func(h []byte) { h[wire.IPv4Fragment+1] = 4 }), 0},
		{"a later fragment over IPv6", longPacket(a6, b6, wire.ProtoFragment, func(h []byte) { h[40], h[43] = wire.ProtoTCP, 8 }), 0},
		{"to a group", longPacket(a, "239.1.1.1", wire.ProtoUDP, nil), 0},
		{"to a group over IPv6", longPacket(a6, "ff02::1", wire.ProtoUDP, nil), 0},
		{"from a group", longPacket("239.1.1.1", b, wire.ProtoUDP, nil), 0},
		{"from nobody", longPacket("0.0.0.0", b, wire.ProtoUDP, nil), 0},
		{"from nobody over IPv6", longPacket("::", b6, wire.ProtoUDP, nil), 0},
		{"from this host", longPacket("127.0.0.1", b, wire.ProtoUDP, nil), 0},
		{"to all on the link", append([]byte{0xff}, longPacket(a, b, wire.ProtoUDP, nil)[1:]...), 0},
		{"ARP", append(append(bytes.Clone(guestB[:]), guestA[:]...), append([]byte{8, 6}, make([]byte, 1600)...)...), 0},
		{"a type that lies", longPacket(a, b, wire.ProtoUDP, func(h []byte) { h[0] = 0x65 }), 0},
		{"a header that is too short", longPacket(a, b, wire.ProtoUDP, func(h []byte) { h[0] = 0x44 }), 0},
	} {
		reply := tooBig(c.packet, 1464)
		if c.mtu == 0 {
			if reply != nil {
				t.Errorf("%s: somebody is told", c.name)
			}
			continue
		}
		l3 := networkHeader(c.packet)
		header, typ := wire.IPv4Size, byte(3)
		if c.packet[l3]>>4 == 6 {
			header, typ = wire.IPv6Size, 2
		}
		if len(reply) < l3+header+wire.ICMPSize || !bytes.Equal(reply[12:l3], c.packet[12:l3]) || [6]byte(reply) != guestA || [6]byte(reply[6:]) != guestB {
			t.Errorf("%s: % x", c.name, reply[:min(len(reply), 20)])
			continue
		}
		m := reply[l3+header:]
		if mtu := int(binary.BigEndian.Uint32(m[4:])); m[0] != typ || mtu != c.mtu {
			t.Errorf("%s: type %d, MTU %d, want %d, %d", c.name, m[0], mtu, typ, c.mtu)
		}
	}
}

// TestHostsAreNotToldOfLessThanIPv6Needs: they would not heed it, and packets of so many bytes do go through.
func TestHostsAreNotToldOfLessThanIPv6Needs(t *testing.T) {
	r := narrowWay{ways{"192.0.2.1": underlay.OK}}
	send := func(bytes int, options string) *bench {
		b := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1 "+options, r)
		b.s.Context = 5
		b.s.Packet = longPacket("fd00::1", "fd00::2", wire.ProtoTCP, nil)[:wire.EthernetSize+bytes]
		binary.BigEndian.PutUint16(b.s.Packet[wire.EthernetSize+wire.IPv6Length:], uint16(bytes-wire.IPv6Size))
		b.send()
		return b
	}
	b := send(1281, "")
	if b.s.Reply == nil {
		t.Fatal("nobody is told")
	}
	if mtu := binary.BigEndian.Uint32(b.s.Reply[wire.EthernetSize+wire.IPv6Size+4:]); mtu != 1280 {
		t.Errorf("the sender is told of %d bytes", mtu)
	}
	b = send(1280, "")
	if o := b.stacks(); b.s.Reply != nil || len(o) != 1 || o[0].DontFragment {
		t.Errorf("1280 bytes: the sender is told: %v; headers %+v", b.s.Reply != nil, o)
	}
	if b = send(1280, "mtu_action=drop"); !b.prog.Empty() {
		t.Error("mtu_action=drop does not drop")
	}
	wide := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1", r.ways)
	wide.send()
	if o := wide.stacks(); len(o) != 1 || !o[0].DontFragment {
		t.Errorf("with room for all: %+v", o)
	}
}

// narrowWay is ways that take 1300 bytes.
type narrowWay struct{ ways }

func (n narrowWay) Route(dst, src netip.Addr, mark uint32, hash uint64) (underlay.Way, underlay.Status) {
	w, status := n.ways.Route(dst, src, mark, hash)
	w.MTU = 1300
	return w, status
}

// FuzzTooBig: whatever the packet, the message is one that a host takes, and nothing panics.
func FuzzTooBig(f *testing.F) {
	f.Add(longPacket("10.0.0.1", "10.0.0.2", wire.ProtoTCP, nil)[:200])
	f.Add(longPacket("fd00::1", "fd00::2", wire.ProtoHopOpts, nil)[:100])
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) < wire.EthernetSize {
			return
		}
		reply := tooBig(packet, 1464)
		if reply == nil {
			return
		}
		l3 := networkHeader(reply)
		from, to, ok := endsOf(reply, l3)
		if !ok || !icmp.Unicast(from) || !icmp.Unicast(to) {
			t.Errorf("from %s to %s", from, to)
		}
		if again := tooBig(reply, 64); again != nil {
			t.Error("the message would be answered by another")
		}
	})
}

// TestTheMessageComesBackByTheTunnel says as which packet: of the key that the other end's packets have, from that end.
func TestTheMessageComesBackByTheTunnel(t *testing.T) {
	for _, c := range []struct{ options, packet, want string }{
		{"remote_ip=192.0.2.1 key=5", "", "tun_id=0x5,tun_src=192.0.2.1,tun_dst=192.0.2.9"},
		{"remote_ip=192.0.2.1 in_key=5 out_key=6", "", "tun_id=0x5,tun_src=192.0.2.1,tun_dst=192.0.2.9"},
		{"remote_ip=192.0.2.1 out_key=6", "", "tun_src=192.0.2.1,tun_dst=192.0.2.9"},
		{"remote_ip=flow key=flow", "tun_id=7,tun_dst=192.0.2.1", "tun_id=0x7,tun_src=192.0.2.1,tun_dst=192.0.2.9"},
		{"remote_ip=2001:db8::1 key=5", "", "tun_id=0x5,tun_ipv6_src=2001:db8::1,tun_ipv6_dst=2001:db8::9"},
	} {
		b := newBench(t, encap.VXLAN, c.options, ways{"192.0.2.1": underlay.OK, "2001:db8::1": underlay.OK}).key(c.packet)
		// Its sender is behind a tunnel, too: that is for the rules, which get the message like any packet to it.
		b.came("tun_id=9,tun_src=192.0.2.7,tun_dst=192.0.2.9")
		b.s.Packet = longPacket("10.0.0.1", "10.0.0.2", wire.ProtoTCP, nil)
		b.send()
		if b.s.Reply == nil || !b.prog.Empty() {
			t.Errorf("%s: no message, or the packet leaves", c.options)
		}
		m := flow.Match{}
		m.Key[flow.Tunnel] = b.s.Origin
		for _, f := range []flow.FieldID{flow.FieldTunID, flow.FieldTunSrc, flow.FieldTunDst} {
			if m.Key.Uint(f) != 0 {
				m.Mask.SetExact(f)
			}
		}
		if c.options == "remote_ip=2001:db8::1 key=5" {
			m.Mask.SetExact(flow.FieldTunIPv6Src)
			m.Mask.SetExact(flow.FieldTunIPv6Dst)
		}
		if got := m.String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.options, got, c.want)
		}
	}
}

func TestIPv4ThatMayBeCutIsLeftToTheWorkers(t *testing.T) {
	b := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1", ways{"192.0.2.1": underlay.OK})
	b.s.Packet = longPacket("10.0.0.1", "10.0.0.2", wire.ProtoTCP, func(h []byte) { h[wire.IPv4Fragment] = 0 })
	if got, want := b.send(), "vxlan 192.0.2.9>192.0.2.1 key 0"; got != want || b.s.Reply != nil {
		t.Errorf("%s, want %s and no message", got, want)
	}
	b = newBench(t, encap.VXLAN, "remote_ip=192.0.2.1 mtu_action=drop", ways{"192.0.2.1": underlay.OK})
	b.s.Packet = longPacket("10.0.0.1", "10.0.0.2", wire.ProtoTCP, nil)
	if b.send(); b.s.Reply != nil || !b.prog.Empty() {
		t.Error("mtu_action=drop does more than drop")
	}
}

func TestMessagesHaveARateOfTheirOwn(t *testing.T) {
	b := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1", ways{"192.0.2.1": underlay.OK})
	b.s.Packet = longPacket("10.0.0.1", "10.0.0.2", wire.ProtoTCP, nil)
	b.s.Now = 1e12
	told := 0
	for range icmp.Burst + 5 {
		if b.send(); b.s.Reply != nil {
			told++
		}
	}
	b.s.Now += 1e9
	if b.send(); b.s.Reply == nil || told != icmp.Burst {
		t.Errorf("%d messages at once, want %d; a second later there is one: %t", told, icmp.Burst, b.s.Reply != nil)
	}
	for _, s := range b.port.Samples(nil) {
		if want := map[string]uint64{"tunnel_icmp_error": icmp.Burst + 1, "tunnel_icmp_error_rate": 5}[s.Name]; s.Value != want {
			t.Errorf("%s is %d, want %d", s.Name, s.Value, want)
		}
	}
}

func TestEachTunnelNumbersItsOwnPackets(t *testing.T) {
	b := newBench(t, encap.GRE, "remote_ip=192.0.2.1 seq=true", ways{})
	other, err := b.set.Driver(encap.GRE).Open(t.Context(), "t1", opts("remote_ip=192.0.2.2 seq=true"))
	if err != nil {
		t.Fatal(err)
	}
	if other.(*Port).counter == b.port.counter {
		t.Error("two tunnels have one counter")
	}
	b.port.Close()
	if third, err := b.set.Driver(encap.GRE).Open(t.Context(), "t2", opts("remote_ip=192.0.2.3")); err != nil || third.(*Port).counter != b.port.counter {
		t.Errorf("a counter that is free is not used again: %v", err)
	}
}

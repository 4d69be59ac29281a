package datapath_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// A virtual device is a port without queues: a tunnel's.
type virtual struct{ done chan struct{} }

func (v virtual) Info() pmd.Info                                { return pmd.Info{Name: "tunnel", MTU: 1450, NUMA: -1} }
func (v virtual) RxQueues() []pmd.RxQueue                       { return nil }
func (v virtual) TxQueues() []pmd.TxQueue                       { return nil }
func (v virtual) LinkUp() bool                                  { return true }
func (v virtual) Done() <-chan struct{}                         { return v.done }
func (v virtual) Err() error                                    { return nil }
func (v virtual) Samples(dst []counter.Sample) []counter.Sample { return dst }
func (v virtual) Close() error                                  { return nil }

// Ports of tunnelLab.
const (
	guest  = 1 // where packets come from that go into the tunnel, and go to when they have come out of it
	wan    = 2 // the underlay
	tunnel = 3
)

// wanMAC is the Ethernet address of the underlay port.
var wanMAC = [6]byte{2, 0, 0, 0, 9, 2}

// between returns a VXLAN tunnel between the two ends of tunnelLab, seen from either.
func between(a, b string, vni uint32) encap.Outer {
	return encap.Outer{
		Type: encap.VXLAN, SrcMAC: [6]byte{2, 0, 0, 0, 9, 1}, DstMAC: wanMAC,
		Src: netip.MustParseAddr(a), Dst: netip.MustParseAddr(b), TTL: 64, DontFragment: true, Key: vni,
	}
}

// pushed returns the program that sends packets through a tunnel.
func pushed(t testing.TB, o encap.Outer, h action.Header) *action.Program {
	t.Helper()
	var err error
	if h.Stack, err = encap.AppendStack(nil, &o); err != nil {
		t.Fatal(err)
	}
	h.Tunnel = tunnel
	return program(func(p *action.Program) { p.Push(&h); p.Output(wan) })
}

// newTunnelLab starts a switch with a guest, an underlay port with the address 192.0.2.1 and a VXLAN tunnel of VNI 7 from
// 192.0.2.2, whose packets go to the guest, and what the guest sends by into.
func newTunnelLab(t testing.TB, o datapath.Options, into *action.Program) *lab {
	t.Helper()
	table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		v.Mask.SetExact(flow.FieldUDPSrc)
		switch q.Key.Uint(flow.FieldInPort) {
		case guest:
			v.Actions.Become(into.Words())
		case tunnel:
			v.Mask.SetExact(flow.FieldTunID)
			v.Actions.Output(guest)
		case wan:
			v.Actions.Drop(action.ToGateway)
		}
		return nil
	})
	l := newLab(t, o, table, "guest")
	l.add("wan", memport.Options{MTU: 1500})
	if err := l.sw.AddDevice("br0", datapath.PortConfig{Name: "tun"}, virtual{make(chan struct{})}); err != nil {
		t.Fatal(err)
	}
	l.setTunnels(encap.Tunnel{Port: tunnel, Type: encap.VXLAN, Remote: netip.MustParseAddr("192.0.2.2"), Key: 7})
	return l
}

// setTunnels makes the tunnels those that end at the underlay port.
func (l *lab) setTunnels(tunnels ...encap.Tunnel) {
	l.t.Helper()
	t, err := encap.NewTunnels([]encap.Address{{Addr: netip.MustParseAddr("192.0.2.1"), MAC: wanMAC}}, tunnels)
	if err != nil {
		l.t.Fatal(err)
	}
	l.sw.SetTunnels(map[uint32]*encap.Tunnels{wan: t})
}

// TestPacketsCrossATunnel sends packets into a tunnel and what has left back through the other end.
func TestPacketsCrossATunnel(t *testing.T) {
	for how, o := range map[string]datapath.Options{
		"": {}, " by two workers": twoWorkers, " with the slow path on a thread": {SlowPath: datapath.SlowPath{Server: datapath.ByThread}},
		" with the slow path on workers": {SlowPath: datapath.SlowPath{Server: datapath.ByWorkers}},
	} {
		for name, stack := range map[string]encap.Outer{
			"VXLAN": between("192.0.2.1", "192.0.2.2", 7),
			"VXLAN with a checksum": func() encap.Outer {
				o := between("192.0.2.1", "192.0.2.2", 7)
				o.Checksum = true
				return o
			}(),
		} {
			t.Run(name+how, func(t *testing.T) {
				l := newTunnelLab(t, o, pushed(t, stack, action.Header{}))
				pkt := udp(t, 1, 2, 7, 50)
				for i := range 4 {
					l.send("guest", pkt, pkt)
					for _, p := range l.receive("wan", 2) {
						if len(p) != len(pkt)+stack.Size() || !bytes.Equal(p[stack.Size():], pkt) {
							t.Fatalf("% x left, want % x inside", p, pkt)
						}
						// The other end sends it back: addresses are exchanged, which no checksum minds.
						copy(p[26:34], append(bytes.Clone(p[30:34]), p[26:30]...))
						l.send("wan", p)
					}
					for _, p := range l.receive("guest", 2) {
						if !bytes.Equal(p, pkt) {
							t.Errorf("% x came out in round %d, want % x", p, i, pkt)
						}
					}
				}
				waitUntil(t, "the tunnel's port has counted", func() bool {
					s := l.port("tun").Samples
					return value(s, "rx_packets") == 8 && value(s, "tx_packets") == 8 &&
						value(s, "rx_bytes") == uint64(8*len(pkt)) && value(s, "tx_bytes") == uint64(8*len(pkt))
				})
			})
		}
	}
}

// outer returns the outer headers that a packet of tunnelLab left with, and what is inside.
func outer(t *testing.T, p []byte) (headers, inner []byte) {
	t.Helper()
	const size = 14 + 20 + 8 + 8
	if len(p) < size || p[12] != 8 || p[23] != 17 {
		t.Fatalf("% x is no VXLAN packet", p)
	}
	return p[:size], p[size:]
}

func TestWhatIsWrongInATunnelIsDroppedByName(t *testing.T) {
	l := newTunnelLab(t, datapath.Options{}, program(func(p *action.Program) { p.Drop(action.ByRule) }))
	good := inTunnel(t, udp(t, 1, 2, 7, 50))
	for _, c := range []struct {
		name   string
		damage func(p []byte)
		reason string
	}{
		{"the outer IPv4 checksum", func(p []byte) { p[24]++ }, "tunnel_ip_checksum"},
		{"the UDP checksum", func(p []byte) { p[40] = 1 }, "tunnel_udp_checksum"},
		{"a length", func(p []byte) { p[39]++ }, "tunnel_length"},
		{"the VXLAN flags", func(p []byte) { p[42] = 0 }, "tunnel_header"},
	} {
		p := bytes.Clone(good)
		c.damage(p)
		l.send("wan", p)
		l.waitFor(c.reason, drops, 1)
	}
	l.send("wan", good)
	if got := l.receive("guest", 1)[0]; len(got) != 92 {
		t.Errorf("%d bytes came out, want 92", len(got))
	}
}

// inTunnel returns packet as the other end of tunnelLab's tunnel sends it.
func inTunnel(t testing.TB, packet []byte) []byte {
	t.Helper()
	o := between("192.0.2.2", "192.0.2.1", 7)
	return inTunnelAs(t, &o, packet)
}

// inTunnelAs returns packet as it is in the tunnel that o says.
func inTunnelAs(t testing.TB, o *encap.Outer, packet []byte) []byte {
	t.Helper()
	stack, err := encap.AppendStack(nil, o)
	if err != nil {
		t.Fatal(err)
	}
	pool := newPool(t)
	c, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := c.FromBytes(packet)
	frames := []frame.Frame{f}
	u := encap.Pusher{Pool: pool, Counters: new(encap.Counters)}
	if u.Push(stack, frames, []uint16{14}, []uint16{34}) != 0 {
		t.Fatal("no room for a header stack")
	}
	out := pool.AppendTo(nil, frames[0])
	c.Put(frames[0])
	c.Close()
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatIsOfNoTunnelIsAnOrdinaryPacket(t *testing.T) {
	l := newTunnelLab(t, datapath.Options{}, program(func(p *action.Program) { p.Drop(action.ByRule) }))
	for name, damage := range map[string]func(p []byte){
		"another VNI":         func(p []byte) { p[48] = 8 },
		"another address":     func(p []byte) { p[33] = 9 },
		"another UDP port":    func(p []byte) { p[37]++ },
		"no tunnel packet":    func(p []byte) { copy(p, udp(t, 1, 2, 7, len(p)-42)) },
		"another other end":   func(p []byte) { p[29] = 9 },
		"another host":        func(p []byte) { p[5]++ },
		"not even an address": func(p []byte) { p[12], p[13] = 8, 6 },
	} {
		before := value(l.sw.Stats().Drops, "to_gateway")
		p := inTunnel(t, udp(t, 1, 2, 7, 50))
		damage(p)
		l.send("wan", p)
		waitUntil(t, name, func() bool { return value(l.sw.Stats().Drops, "to_gateway") == before+1 })
	}
	// Tunnels come and go under traffic.
	l.setTunnels()
	before := value(l.sw.Stats().Drops, "to_gateway")
	l.send("wan", inTunnel(t, udp(t, 1, 2, 7, 50)))
	waitUntil(t, "a packet of a tunnel that has gone", func() bool { return value(l.sw.Stats().Drops, "to_gateway") == before+1 })
	l.setTunnels(encap.Tunnel{Port: tunnel, Type: encap.VXLAN, AnyKey: true})
	l.send("wan", inTunnel(t, udp(t, 1, 2, 7, 50)))
	l.receive("guest", 1)
}

func TestTunnelsOfAPortThatHasGone(t *testing.T) {
	l := newTunnelLab(t, datapath.Options{}, program(func(p *action.Program) { p.Drop(action.ByRule) }))
	if err := l.sw.DelPort("tun"); err != nil {
		t.Fatal(err)
	}
	l.send("wan", inTunnel(t, udp(t, 1, 2, 7, 50)))
	l.waitFor("port_gone", drops, 1)
}

func TestAPacketIsCutBeforeItGoesIntoATunnel(t *testing.T) {
	stack := between("192.0.2.1", "192.0.2.2", 7)
	into := pushed(t, stack, action.Header{})
	cut := program(func(p *action.Program) { p.Trunc(60) })
	cut.Become(append(cut.Words(), into.Words()...))
	l := newTunnelLab(t, datapath.Options{}, cut)
	pkt := udp(t, 1, 2, 7, 50)
	l.send("guest", pkt)
	if _, inner := outer(t, l.receive("wan", 1)[0]); !bytes.Equal(inner, pkt[:60]) {
		t.Errorf("% x inside, want the first 60 bytes of % x", inner, pkt)
	}
}

// TestIdentificationsAreEachSwitchsSecret: of packets that may be cut into fragments on their way.
func TestIdentificationsAreEachSwitchsSecret(t *testing.T) {
	stack := between("192.0.2.1", "192.0.2.2", 7)
	stack.DontFragment = false
	var all [2][3]uint16
	for i := range all {
		l := newTunnelLab(t, datapath.Options{}, pushed(t, stack, action.Header{}))
		for j := range all[i] {
			l.send("guest", udp(t, 1, 2, 7, 50))
			headers, _ := outer(t, l.receive("wan", 1)[0])
			all[i][j] = binary.BigEndian.Uint16(headers[18:])
		}
	}
	if all[0] == all[1] {
		t.Errorf("two switches have the identifications %x", all[0])
	}
}

// fragmentable returns an IPv4 packet that says whether it may be cut into fragments.
func fragmentable(packet []byte, may bool) []byte {
	b := bytes.Clone(packet)
	b[20], b[24], b[25] = 0, 0, 0
	if !may {
		b[20] = wire.IPv4DontFragment >> 8
	}
	binary.BigEndian.PutUint16(b[24:], wire.Checksum(b[14:34]))
	return b
}

func TestPacketsLongerThanTheTunnelTakes(t *testing.T) {
	long, short := udp(t, 1, 2, 7, 1400), udp(t, 1, 2, 8, 60)
	t.Run("are dropped", func(t *testing.T) {
		l := newTunnelLab(t, datapath.Options{}, pushed(t, between("192.0.2.1", "192.0.2.2", 7), action.Header{Longest: 1000}))
		l.send("guest", short, long, short)
		l.waitFor("tunnel_mtu", drops, 1)
		for _, p := range l.receive("wan", 2) {
			if _, inner := outer(t, p); !bytes.Equal(inner, short) {
				t.Errorf("% x inside, want % x", inner, short)
			}
		}
	})
	t.Run("leave in fragments, which the other end puts together", func(t *testing.T) {
		o := between("192.0.2.1", "192.0.2.2", 7)
		o.DontFragment = false
		l := newTunnelLab(t, datapath.Options{}, pushed(t, o, action.Header{Longest: 1000, Excess: action.ExcessFragment}))
		for range 3 {
			l.send("guest", long)
			got := l.receive("wan", 2)
			for _, p := range got {
				if len(p) > 14+1000+50-14 {
					t.Errorf("a fragment of %d bytes left", len(p))
				}
				copy(p[26:34], append(bytes.Clone(p[30:34]), p[26:30]...)) // back where it came from
			}
			l.send("wan", got[1], got[0])
			if back := l.receive("guest", 1)[0]; !bytes.Equal(back, long) {
				t.Errorf("%d bytes came back, want %d", len(back), len(long))
			}
		}
	})
	t.Run("go in IPv4 fragments, if they may be cut", func(t *testing.T) {
		cuttable := fragmentable(long, true)
		into := pushed(t, between("192.0.2.1", "192.0.2.2", 7), action.Header{Longest: 1000, Excess: action.ExcessSend, Context: 5})
		l := newTunnelLab(t, datapath.Options{}, into)
		for range 3 {
			l.send("guest", cuttable)
			var payload []byte
			for _, p := range l.receive("wan", 2) {
				if p = p[50:]; len(p) > 1000 {
					t.Errorf("a fragment of %d bytes left", len(p))
				}
				payload = append(payload, p[34:]...)
			}
			if !bytes.Equal(payload, cuttable[34:]) {
				t.Errorf("%d bytes of payload left, want %d", len(payload), len(cuttable)-34)
			}
		}
		l.waitFor("fragmented", events, 3)
	})
	t.Run("are in outer fragments, if they are IPv6 that every link takes", func(t *testing.T) {
		o := between("192.0.2.1", "192.0.2.2", 7)
		o.DontFragment = false
		l := newTunnelLab(t, datapath.Options{}, pushed(t, o, action.Header{Longest: 1000, Excess: action.ExcessSend, Context: 5}))
		six := wire.NewIP([6]byte{2, 5: 2}, [6]byte{2, 5: 1}, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"), wire.ProtoUDP, 1240)
		l.send("guest", six)
		got := l.receive("wan", 2)
		for _, p := range got {
			copy(p[26:34], append(bytes.Clone(p[30:34]), p[26:30]...)) // back where it came from
		}
		l.send("wan", got[0], got[1])
		if back := l.receive("guest", 1)[0]; !bytes.Equal(back, six) {
			t.Errorf("%d bytes came back, want %d", len(back), len(six))
		}
	})
	t.Run("go to the rule table, which can tell the sender", func(t *testing.T) {
		into := pushed(t, between("192.0.2.1", "192.0.2.2", 7), action.Header{Longest: 1000, Excess: action.ExcessSend, Context: 5})
		table := newListener(t, func(_ *rules.Query, p *action.Program) { p.Become(into.Words()) })
		l := newLab(t, datapath.Options{}, table, "guest", "wan")
		kept := fragmentable(long, false)
		l.send("guest", kept)
		if got := table.wait(1)[0]; got.id != 5 || !bytes.Equal(got.packet, kept) {
			t.Errorf("the table gets %d bytes under %d", len(got.packet), got.id)
		}
		l.waitFor("tunnel_mtu", drops, 1)
	})
}

// TestAStepShowsAPacketAsItComesOutOfItsTunnel: what is looked up, traced and sent on is the packet inside.
func TestAStepShowsAPacketAsItComesOutOfItsTunnel(t *testing.T) {
	s := newSteps(t, "in_port=3,tun_id=7,tun_src=192.0.2.2,actions=1", "a", "wan")
	if err := s.AddDevice("br0", datapath.PortConfig{Name: "tun"}, virtual{make(chan struct{})}); err != nil {
		t.Fatal(err)
	}
	tunnels, err := encap.NewTunnels([]encap.Address{{Addr: netip.MustParseAddr("192.0.2.1"), MAC: wanMAC}}, []encap.Tunnel{{Port: tunnel, Type: encap.VXLAN, AnyKey: true}})
	if err != nil {
		t.Fatal(err)
	}
	s.SetTunnels(map[uint32]*encap.Tunnels{wan: tunnels})
	inner := udp(t, 1, 2, 7, 20)
	sent := inTunnel(t, inner)
	l, ok, err := s.Enter(wan, sent)
	if err != nil || !ok || l.Port != tunnel || l.Outer == nil || !bytes.Equal(l.Packet, inner) || l.Key.Uint(flow.FieldTunID) != 7 {
		t.Fatalf("looked up by port %d with tunnel %d: %v, %v", l.Port, l.Key.Uint(flow.FieldTunID), ok, err)
	}
	tr, err := s.Trace(datapath.TraceQuery{Key: l.Key, Packet: l.Packet})
	if err != nil || len(tr.Passes) != 1 || action.Format(tr.Passes[0].Program, nil) != "output:1" {
		t.Errorf("traced %+v, %v", tr, err)
	}
	s.send(wan, sent)
	s.send(wan, sent)
	s.saw("3 slow output:1", "3 megaflow output:1")
	for _, p := range s.peers["a"].RecvBytes() {
		if !bytes.Equal(p, inner) {
			t.Errorf("% x left, want % x", p, inner)
		}
	}
	wrong := bytes.Clone(sent)
	wrong[24]++
	if _, _, err := s.Enter(wan, wrong); err == nil || !strings.Contains(err.Error(), "tunnel_ip_checksum") {
		t.Errorf("got %v", err)
	}
}

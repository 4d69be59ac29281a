package underlay

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/flowcache/flow/flowtest"
	"github.com/culvertdev/culvert/ring/frame"
)

var (
	ours  = [6]byte{2, 5: 0xa1}
	host9 = [6]byte{2, 5: 9}
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// inside is a table that sends everything to port 7 and has versions of its own.
type inside struct {
	version uint64
	settled uint64
	got     []uint32
	sender  rules.Sender
}

func (t *inside) Lookup(_ *rules.Query, v *rules.Verdict) error {
	v.Mask = flow.Mask{} // a table need not keep what it finds there
	v.Actions.Output(7)
	return nil
}

func (t *inside) Credit([]uint64, uint64, uint64, int64) {}
func (t *inside) Settled(version uint64, _ int64)        { t.settled = version }
func (t *inside) Receive(id uint32, _ *rules.Query)      { t.got = append(t.got, id) }
func (t *inside) SetSender(s rules.Sender)               { t.sender = s }
func (t *inside) Changes(since uint64, c *rules.ChangeSet) uint64 {
	if since == 0 {
		c.All = true
	}
	return t.version
}

// A bench is a table around another, with an underlay on port 1 and none on port 2.
type bench struct {
	testing.TB
	*Table
	in    *inside
	stack *underlay.Stack
	sent  []string
	pool  *frame.Pool
}

func newBench(tb testing.TB, vlan uint16) *bench {
	tb.Helper()
	b := &bench{TB: tb, in: &inside{version: 100}}
	b.stack = underlay.New(underlay.Options{Clock: func() int64 { return 1e9 }})
	err := b.stack.SetConfig(underlay.Config{Interfaces: []underlay.Interface{{Port: "up", VLAN: vlan,
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd00::1/64")}}}})
	if err != nil {
		tb.Fatal(err)
	}
	b.Table = New(b.in, b.stack)
	b.SetSender(b)
	b.SetPorts([]rules.Port{{ID: 1, Name: "up", MAC: ours, MTU: 1500, Up: true}, {ID: 2, Name: "other", MAC: ours, Up: true}})
	if b.pool, err = frame.NewPool(frame.Options{Buffers: 1024}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.pool.Close() })
	return b
}

// Inject implements rules.Sender.
func (b *bench) Inject(_ uint32, _ []byte, program []uint64) error {
	b.sent = append(b.sent, action.Format(program, nil))
	return nil
}

// query returns what the table is asked about a packet that came in by a port.
func (b *bench) query(port uint32, pkt []byte) *rules.Query {
	b.Helper()
	return &rules.Query{Key: flowtest.Key(b, b.pool, 2, port, pkt), Packet: pkt, Size: len(pkt), Now: 1e9, Live: true}
}

func (b *bench) want(port uint32, pkt []byte, want string) {
	b.Helper()
	v := new(rules.Verdict)
	if err := b.Lookup(b.query(port, pkt), v); err != nil {
		b.Fatal(err)
	}
	if got := action.Format(v.Actions.Words(), nil); got != want {
		b.Errorf("got  %s\nwant %s", got, want)
	}
	if v.NoCache || !action.Valid(v.Actions.Words()) {
		b.Errorf("not cached, or not a program: %s", want)
	}
}

// echo returns an echo request of host 9, or with offset a later fragment of one.
func echo(src, dst string, offset byte) []byte {
	proto, typ, header := byte(wire.ProtoICMP), byte(8), wire.IPv4Size
	if ip(src).Is6() {
		proto, typ, header = wire.ProtoICMPv6, 128, wire.IPv6Size
	}
	p := wire.NewIP(ours, host9, ip(src), ip(dst), proto, 32)
	p[wire.EthernetSize+header] = typ
	p[wire.EthernetSize+wire.IPv4Fragment+1] = offset
	if header == wire.IPv6Size {
		wire.PutEthernet(p, ours, host9, wire.TypeIPv6)
		copy(p[wire.EthernetSize:], wire.NewIP(ours, host9, ip(src), ip(dst), proto, 32)[wire.EthernetSize:][:wire.IPv6Size])
	}
	return p
}

func tagged(vlan byte, pkt []byte) []byte {
	return append(append(append([]byte{}, pkt[:12]...), 0x81, 0, 0, vlan), pkt[12:]...)
}

func to(mac [6]byte, pkt []byte) []byte {
	copy(pkt, mac[:])
	return pkt
}

// behindFragmentHeader puts the header of a packet that is whole (RFC 6946) in front of what an IPv6 packet carries.
func behindFragmentHeader(pkt []byte) []byte {
	at := wire.EthernetSize + wire.IPv6Size
	pkt = slices.Insert(pkt, at, []byte{pkt[wire.EthernetSize+wire.IPv6Next], 0, 0, 0, 0, 0, 0, 9}...)
	pkt[wire.EthernetSize+wire.IPv6Next], pkt[wire.EthernetSize+wire.IPv6Length+1] = wire.ProtoFragment, byte(len(pkt)-at)
	return pkt
}

func TestWhoseAPacketIs(t *testing.T) {
	b := newBench(t, 0)
	const stack, inner, copied = "send(0x0)", "output:7", "send(0x0),output:7"
	group, groupMAC := wire.SolicitedNode(ip("fd00::1"))
	all := netip.IPv6LinkLocalAllNodes()
	arp := func(target string) []byte {
		return wire.NewARP(wire.Broadcast, wire.ARPRequest, host9, ip("10.0.0.9"), [6]byte{}, ip(target))
	}
	for name, c := range map[string]struct {
		pkt  []byte
		want string
	}{
		"ARP for our address":                  {arp("10.0.0.1"), stack},
		"ARP for somebody else's":              {arp("10.0.0.2"), copied},
		"ARP to us alone":                      {to(ours, arp("10.0.0.7")), stack},
		"a solicitation for our address":       {wire.NewND(groupMAC, host9, ip("fd00::9"), group, wire.NDSolicit, 0, ip("fd00::1")), stack},
		"a solicitation for somebody else's":   {wire.NewND(groupMAC, host9, ip("fd00::9"), group, wire.NDSolicit, 0, ip("fd00::2")), inner},
		"one behind a fragment header":         {behindFragmentHeader(wire.NewND(groupMAC, host9, ip("fd00::9"), group, wire.NDSolicit, 0, ip("fd00::1"))), inner},
		"an advertisement to all":              {wire.NewND(wire.GroupMAC(all), host9, ip("fd00::9"), all, wire.NDAdvert, 0, ip("fd00::9")), copied},
		"an advertisement to us":               {wire.NewND(ours, host9, ip("fd00::9"), ip("fd00::1"), wire.NDAdvert, 0, ip("fd00::9")), stack},
		"UDP to us that is of no tunnel":       {wire.NewIP(ours, host9, ip("10.0.0.9"), ip("10.0.0.1"), wire.ProtoUDP, 20), stack},
		"UDP to another address":               {wire.NewIP(ours, host9, ip("10.0.0.9"), ip("10.0.0.2"), wire.ProtoUDP, 20), inner},
		"a packet to another Ethernet address": {wire.NewIP(host9, ours, ip("10.0.0.9"), ip("10.0.0.1"), wire.ProtoUDP, 20), inner},
		"a group's":                            {wire.NewIP(wire.GroupMAC(ip("239.1.1.1")), host9, ip("10.0.0.9"), ip("239.1.1.1"), wire.ProtoUDP, 20), inner},
		"ping from a group":                    {echo("224.0.0.1", "10.0.0.1", 0), stack},
		"ping from ourselves":                  {echo("10.0.0.1", "10.0.0.1", 0), stack},
		"a tagged packet":                      {tagged(5, arp("10.0.0.1")), inner},
		"ping": {echo("10.0.0.9", "10.0.0.1", 0),
			"set(dl_dst=02:00:00:00:00:09),set(dl_src=02:00:00:00:00:a1),set(nw_src=10.0.0.1),set(nw_dst=10.0.0.9),set(nw_ttl=64),set(icmp_type=0),output:1"},
		"a later fragment of ping": {echo("10.0.0.9", "10.0.0.1", 9),
			"set(dl_dst=02:00:00:00:00:09),set(dl_src=02:00:00:00:00:a1),set(nw_src=10.0.0.1),set(nw_dst=10.0.0.9),set(nw_ttl=64),output:1"},
		"ping of the link-local address": {echo("fe80::9", "fe80::ff:fe00:a1", 0),
			"set(dl_dst=02:00:00:00:00:09),set(dl_src=02:00:00:00:00:a1),set(ipv6_src=fe80::ff:fe00:a1),set(ipv6_dst=fe80::9),set(nw_ttl=64),set(icmpv6_type=129),output:1"},
	} {
		t.Run(name, func(t *testing.T) {
			b.TB = t
			b.want(1, c.pkt, c.want)
			b.want(2, c.pkt, inner)
		})
	}
	b.TB = t
	b = newBench(t, 7)
	b.want(1, arp("10.0.0.1"), inner)
	b.want(1, tagged(7, arp("10.0.0.1")), stack)
	b.want(1, tagged(8, arp("10.0.0.1")), inner)
}

func TestAPortOfTheKernelsCarriesTunnelsOnly(t *testing.T) {
	b := newBench(t, 0)
	if err := b.stack.SetConfig(underlay.Config{Interfaces: []underlay.Interface{{Port: "up", Kernel: true}}}); err != nil {
		t.Fatal(err)
	}
	b.Refresh()
	b.want(1, wire.NewIP(ours, host9, ip("10.0.0.9"), ip("10.0.0.1"), wire.ProtoTCP, 20), "drop(to_host)")
	b.want(2, wire.NewIP(ours, host9, ip("10.0.0.9"), ip("10.0.0.1"), wire.ProtoTCP, 20), "output:7")
}

func TestTheStackAnswersByTheBridgesSender(t *testing.T) {
	b := newBench(t, 7)
	q := b.query(1, tagged(7, wire.NewARP(wire.Broadcast, wire.ARPRequest, host9, ip("10.0.0.9"), [6]byte{}, ip("10.0.0.1"))))
	b.Receive(toStack, q)
	if len(b.sent) != 1 || b.sent[0] != "push_vlan(vid=7,pcp=0),output:1" {
		t.Errorf("sent %q", b.sent)
	}
	b.Receive(33, q)
	if len(b.in.got) != 1 || b.in.got[0] != 33 || b.in.sender != rules.Sender(b) {
		t.Errorf("the table inside got %v", b.in.got)
	}
}

func TestChangesOfBothAreTold(t *testing.T) {
	b := newBench(t, 0)
	var c rules.ChangeSet
	first := b.Changes(0, &c)
	if !c.All {
		t.Error("not everything is new at first")
	}
	c.Reset()
	if again := b.Changes(first, &c); again != first || c.All || len(c.Changes) > 0 {
		t.Errorf("nothing has changed, but version %d is %d: %+v", first, again, c)
	}
	b.in.version++
	second := b.Changes(first, &c)
	b.Settled(second, 5)
	if second == first || b.in.settled != b.in.version {
		t.Errorf("versions %d, %d; settled %d, want %d", first, second, b.in.settled, b.in.version)
	}
	w, _ := b.stack.Route(ip("10.0.0.9"), netip.Addr{}, 0, 0)
	b.stack.Receive(1, wire.NewARP(ours, wire.ARPReply, host9, ip("10.0.0.9"), ours, ip("10.0.0.1")))
	c.Reset()
	third := b.Changes(second, &c)
	if third == second || len(c.Changes) != 1 || c.Changes[0].Tag&w.Tag == 0 {
		t.Errorf("a neighbour's answer is not a change: %+v", c)
	}
	if err := b.stack.SetConfig(underlay.Config{}); err != nil {
		t.Fatal(err)
	}
	b.Refresh()
	c.Reset()
	if b.Changes(third, &c); !c.All {
		t.Error("that the port has no underlay any more is no change")
	}
	b.want(1, wire.NewARP(wire.Broadcast, wire.ARPRequest, host9, ip("10.0.0.9"), [6]byte{}, ip("10.0.0.1")), "output:7")
}

func TestLookUpsMakeNoGarbage(t *testing.T) {
	b := newBench(t, 0)
	for name, pkt := range map[string][]byte{
		"to the stack": wire.NewARP(wire.Broadcast, wire.ARPRequest, host9, ip("10.0.0.9"), [6]byte{}, ip("10.0.0.1")),
		"to both":      wire.NewARP(wire.Broadcast, wire.ARPRequest, host9, ip("10.0.0.9"), [6]byte{}, ip("10.0.0.2")),
		"ping":         echo("fe80::9", "fe80::ff:fe00:a1", 0),
		"to others":    wire.NewIP(host9, ours, ip("10.0.0.9"), ip("10.0.0.1"), wire.ProtoUDP, 20),
	} {
		q, v := b.query(1, pkt), new(rules.Verdict)
		n := testing.AllocsPerRun(100, func() {
			v.Reset()
			if err := b.Lookup(q, v); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// FuzzMask looks packets up, and such that differ from them in bits that the verdict did not consult: they must get the
// same verdict.
func FuzzMask(f *testing.F) {
	f.Add(echo("10.0.0.9", "10.0.0.1", 0), []byte{1, 2, 3})
	f.Add(wire.NewARP(wire.Broadcast, wire.ARPRequest, host9, ip("10.0.0.9"), [6]byte{}, ip("10.0.0.1")), []byte{0xff})
	f.Add(echo("fe80::9", "fe80::ff:fe00:a1", 0), []byte{7})
	f.Fuzz(func(t *testing.T, pkt, noise []byte) {
		if len(pkt) < wire.EthernetSize || len(pkt) > 1500 || len(noise) == 0 {
			return
		}
		b := newBench(t, 0)
		q := b.query(1, pkt)
		v, w := new(rules.Verdict), new(rules.Verdict)
		if err := b.Lookup(q, v); err != nil {
			t.Fatal(err)
		}
		other := *q.Key
		for i := range other {
			for j := range other[i] {
				other[i][j] ^= noise[(i+j)%len(noise)] &^ v.Mask[i][j]
			}
		}
		// in_port, recirc_id and which blocks there are, are always consulted.
		binary.BigEndian.PutUint32(other.Bytes(flow.FieldInPort), uint32(q.Key.Uint(flow.FieldInPort)))
		copy(other.Bytes(flow.FieldRecircID), q.Key.Bytes(flow.FieldRecircID))
		if err := b.Lookup(&rules.Query{Key: &other, Now: q.Now}, w); err != nil {
			t.Fatal(err)
		}
		if got, want := action.Format(w.Actions.Words(), nil), action.Format(v.Actions.Words(), nil); got != want {
			t.Errorf("a packet of the same megaflow gets\n%s\nnot\n%s", got, want)
		}
	})
}

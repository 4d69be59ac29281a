package gateway

import (
	stdcontext "context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// roads is a router for tests: which addresses are reached, asked about, or, if absent, not there.
type roads map[string]underlay.Status

// roadTag is the tag of all its ways.
const roadTag = 1 << 5

func (roads) Exits() []underlay.Way { return nil }

func (r roads) Route(dst, src netip.Addr, _ uint32, _ uint64) (underlay.Way, underlay.Status) {
	w := underlay.Way{Tag: roadTag, Paths: 1, Port: 200, MTU: 1500}
	if w.Src = src; !src.IsValid() {
		w.Src = ip("192.0.2.9")
	}
	status, ok := r[dst.String()]
	if !ok {
		status = underlay.NoRoute
	}
	return w, status
}

// overlaid is a gateway whose ports p2 and p3 are tunnels with these options.
func overlaid(t *testing.T, r roads, p2, p3 string) *bench {
	t.Helper()
	b := newBench(t, twoNets())
	ports := slices.Clone(b.Table.ports)
	set := tunnel.NewSet(r)
	for i, text := range []string{1: p2, 2: p3} {
		if text == "" {
			continue
		}
		options := make(map[string]string)
		for _, f := range strings.Fields(text) {
			k, v, _ := strings.Cut(f, "=")
			options[k] = v
		}
		dev, err := set.Driver(encap.VXLAN).Open(stdcontext.Background(), ports[i].Name, options)
		if err != nil {
			t.Fatal(err)
		}
		ports[i].Tunnel = dev.(rules.Tunnel)
	}
	b.SetPorts(ports)
	return b
}

// ends returns where a program sends packets: the ends and keys of tunnels, ports, contexts.
func ends(t *testing.T, words []uint64) string {
	t.Helper()
	if !action.Valid(words) {
		t.Error("the program is not one")
	}
	var list []string
	pushed := false
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpPush:
			o, err := encap.ReadStack(in.Header().Stack)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, fmt.Sprintf("%s/%d", o.Dst, o.Key))
			pushed = true
		case action.OpOutput:
			if !pushed {
				list = append(list, fmt.Sprintf("port %d", in.Arg))
			}
			pushed = false
		case action.OpSend:
			list = append(list, fmt.Sprintf("context %d", in.Arg))
		case action.OpDrop:
			list = append(list, action.Reason(in.Arg).String())
		}
	}
	return strings.Join(list, ", ")
}

func TestAPacketIsRoutedIntoATunnel(t *testing.T) {
	b := overlaid(t, roads{"192.0.2.1": underlay.OK}, "", "remote_ip=192.0.2.1 key=7")
	v := b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9))
	if got, want := ends(t, v.Actions.Words()), "192.0.2.1/7"; got != want {
		t.Errorf("it goes to %s, want %s", got, want)
	}
	if text := text(v); !strings.HasPrefix(text, "set(dl_dst=02:00:00:00:00:02),set(dl_src=02:00:00:00:00:a2),set(nw_ttl=63),push_vlan(vid=20,pcp=0),clone(") {
		t.Errorf("before that it becomes %s", text)
	}
	if v.Tags&roadTag == 0 {
		t.Error("the verdict does not rest on the way to the tunnel's end")
	}
}

func TestASegmentFloodsIntoTunnelsAndNotBack(t *testing.T) {
	b := overlaid(t, roads{"192.0.2.1": underlay.OK, "192.0.2.2": underlay.OK}, "remote_ip=192.0.2.1 key=7", "remote_ip=192.0.2.2 key=8")
	c := twoNets()
	c.Interfaces = []Interface{{Name: "lan", MAC: mac(0xa1), Members: []Member{{"p1", 0}, {"p2", 0}, {"p3", 0}, {"p4", 0}}, Addresses: c.Interfaces[0].Addresses}}
	c.Routes, c.Neighbours = nil, nil
	if err := b.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	pkt := udp(all, mac(1), "10.0.1.2", "10.0.1.255", 64, 9)
	if got, want := ends(t, b.see(1, pkt).Actions.Words()), "192.0.2.1/7, 192.0.2.2/8, port 4"; got != want {
		t.Errorf("from a host: %s, want %s", got, want)
	}
	if got, want := ends(t, b.see(2, pkt).Actions.Words()), "port 1, 192.0.2.2/8, port 4"; got != want {
		t.Errorf("from a tunnel: %s, want %s", got, want)
	}
	// Another tunnel to the end that it came from, with the same key.
	k := b.key(3, pkt)
	k.SetUint(flow.FieldTunID, 7)
	k.SetBytes(flow.FieldTunSrc, ip("192.0.2.1").AsSlice())
	k[flow.Base][flow.OffBlocks] |= 1 << flow.Tunnel
	v := new(rules.Verdict)
	if err := b.Lookup(&rules.Query{Key: k, Now: b.now}, v); err != nil {
		t.Fatal(err)
	}
	if got, want := ends(t, v.Actions.Words()), "port 1, port 4"; got != want {
		t.Errorf("from an end of two tunnels: %s, want %s", got, want)
	}
	if !v.Mask.Exact(flow.FieldTunSrc) || !v.Mask.Exact(flow.FieldTunID) {
		t.Error("the verdict does not rest on the end that the packet came from")
	}
}

func TestWhatTheGatewayAnswersGoesBackIntoTheTunnel(t *testing.T) {
	b := overlaid(t, roads{"192.0.2.1": underlay.OK}, "remote_ip=192.0.2.1 key=7", "")
	for _, pkt := range [][]byte{arp(all, 1, mac(1), "10.0.1.2", "10.0.1.1"), echo(mac(0xa1), mac(1), "10.0.1.2", "10.0.1.1")} {
		k := b.key(2, pkt)
		k.SetUint(flow.FieldTunID, 7)
		k.SetBytes(flow.FieldTunSrc, ip("192.0.2.1").AsSlice())
		k[flow.Base][flow.OffBlocks] |= 1 << flow.Tunnel
		v := new(rules.Verdict)
		if err := b.Lookup(&rules.Query{Key: k, Packet: pkt, Size: len(pkt), Now: b.now}, v); err != nil {
			t.Fatal(err)
		}
		if got, want := ends(t, v.Actions.Words()), "192.0.2.1/7"; got != want {
			t.Errorf("%s is answered to %s, want %s", describe(pkt), got, want)
		}
	}
}

func TestWithoutAWayThePacketIsDroppedAndTheReasonIsTheTunnels(t *testing.T) {
	b := overlaid(t, roads{}, "remote_ip=192.0.2.1", "remote_ip=192.0.2.2 key=7")
	b.want(b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9)), "drop(tunnel_no_way)")
	b.want(b.see(1, udp(mac(2), mac(1), "10.0.1.2", "10.0.1.3", 64, 9)), "drop(tunnel_no_way)")
}

// TestAPacketWaitsForTheTunnelsNextHop: the workers give it to the table, and it leaves when the next hop is known.
func TestAPacketWaitsForTheTunnelsNextHop(t *testing.T) {
	r := roads{"192.0.2.1": underlay.Asked}
	b := overlaid(t, r, "", "remote_ip=192.0.2.1 key=7")
	v := b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9))
	id := contextOf(3, false)
	if got, want := ends(t, v.Actions.Words()), fmt.Sprintf("context %d", id); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	_, version := b.changes(0)
	left := tagged(20, udp(mac(2), mac(0xa2), "10.0.1.2", "10.0.2.2", 63, 9))
	b.Receive(id, &rules.Query{Key: b.key(1, left), Packet: left, Size: len(left), Now: b.now})
	b.sends()
	r["192.0.2.1"] = underlay.OK
	b.TunnelsChanged([]rules.Change{{Tag: roadTag}})
	if len(b.sent) != 1 || !strings.Contains(b.sent[0], "192.0.2.1") {
		t.Errorf("once there is a way, it leaves as %q", b.sent)
	}
	if tags, _ := b.changes(version); tags&v.Tags == 0 {
		t.Error("the flow does not hear of the way")
	}
}

// TestOfAPacketThatIsTooLongNothingElseLeaves: the workers have sent it wherever it fits.
func TestOfAPacketThatIsTooLongNothingElseLeaves(t *testing.T) {
	b := overlaid(t, roads{"192.0.2.1": underlay.OK}, "", "remote_ip=192.0.2.1 key=7")
	words := b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9)).Actions.Words()
	var h action.Header
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpPush {
			h = in.Header()
		}
	}
	if h.Excess != action.ExcessSend {
		t.Fatalf("excess %d", h.Excess)
	}
	left := tagged(20, udp(mac(2), mac(0xa2), "10.0.1.2", "10.0.2.2", 63, 9)) // its way has become wider meanwhile
	b.sends()
	b.Receive(h.Context, &rules.Query{Key: b.key(1, left), Packet: left, Size: len(left), Now: b.now})
	b.sends()
}

// changes returns the tags of what has changed since a version.
func (b *bench) changes(since uint64) (tags, version uint64) {
	var c rules.ChangeSet
	version = b.Table.Changes(since, &c)
	for _, x := range c.Changes {
		tags |= x.Tag
	}
	return tags, version
}

// TestAHostBehindATunnelIsAskedForThroughIt: what the gateway sends itself has no key; a worker makes one.
func TestAHostBehindATunnelIsAskedForThroughIt(t *testing.T) {
	b := overlaid(t, roads{"192.0.2.1": underlay.OK}, "", "remote_ip=192.0.2.1 key=7")
	b.want(b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.7", 64, 9)), "drop(neighbour_unresolved)")
	b.sends(fmt.Sprintf("push_vlan(vid=20,pcp=0),send(%#x) a2>ff arp 1 10.0.2.1>10.0.2.7", contextOf(3, false)))
	ask := tagged(20, arp(all, 1, mac(0xa2), "10.0.2.1", "10.0.2.7"))
	b.Receive(contextOf(3, false), &rules.Query{Key: b.key(9, ask), Packet: ask, Size: len(ask), Now: b.now})
	if len(b.sent) != 1 || !strings.Contains(b.sent[0], "192.0.2.1") {
		t.Errorf("the question leaves as %q", b.sent)
	}
}

func TestPacketsOutOfATunnelMayBeOfAnyLength(t *testing.T) {
	b := overlaid(t, roads{"192.0.2.1": underlay.OK}, "", "remote_ip=192.0.2.1 key=7")
	ports := slices.Clone(b.Table.ports)
	ports[0].MTU, ports[1].MTU = 1500, 1500
	b.SetPorts(ports)
	pkt := tagged(20, udp(mac(0xa2), mac(2), "10.0.2.2", "10.0.1.2", 64, 9))
	if got := text(b.see(3, pkt)); !strings.Contains(got, "recirc") {
		t.Errorf("it is not measured: %s", got)
	}
	ports[2].MTU = 1446
	b.SetPorts(ports)
	if got := text(b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9))); strings.Contains(got, "recirc") {
		t.Errorf("what goes into a tunnel is measured twice: %s", got)
	}
}

// TestTheKeyThatATunnelSeesIsThePacketsThatLeaves holds it against the key of the packet that the program makes.
func TestTheKeyThatATunnelSeesIsThePacketsThatLeaves(t *testing.T) {
	ones := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	set := func(p *action.Program) { p.Set(flow.FieldEthDst, []byte{2, 0, 0, 0, 0, 9}, ones) }
	host := udp(mac(2), mac(1), "10.0.1.2", "10.0.2.2", 64, 9)
	other := udp(mac(9), mac(1), "10.0.1.2", "10.0.2.2", 64, 9)
	for _, c := range []struct {
		name       string
		came, left []byte
		program    func(p *action.Program)
	}{
		{"an address", host, other, set},
		{"a clone's address", host, host, func(p *action.Program) { set(p); p.Enclose(0) }},
		{"a tag more", host, tagged(5, host), func(p *action.Program) { p.PushVLAN(wire.TypeVLAN, 5) }},
		{"a second tag more", tagged(5, host), tagged(6, tagged(5, host)), func(p *action.Program) { p.PushVLAN(wire.TypeVLAN, 6) }},
		{"a tag less", tagged(5, host), host, func(p *action.Program) { p.PopVLAN() }},
		{"one tag of two less", tagged(6, tagged(5, host)), tagged(5, host), func(p *action.Program) { p.PopVLAN() }},
		{"another VLAN", tagged(5, host), tagged(6, host), func(p *action.Program) {
			p.Set(flow.FieldVLANVID, []byte{0, 6}, []byte{0x0f, 0xff})
		}},
	} {
		var p action.Program
		c.program(&p)
		var got changed
		got.become(keyOf(t, c.came), p.Words())
		if want := keyOf(t, c.left); got.key != *want {
			t.Errorf("%s: the key is\n%v\nwant\n%v", c.name, got.key, *want)
		}
	}
}

func keyOf(t *testing.T, pkt []byte) *flow.Key { return newBench(t, Config{}).key(1, pkt) }

// TestBitsThatTheGatewayWroteAreNotThePackets: the verdict rests on what the packet brought, and says which words of its
// key are others now.
func TestBitsThatTheGatewayWroteAreNotThePackets(t *testing.T) {
	var p action.Program
	p.Set(flow.FieldEthDst, []byte{2, 0, 0, 0, 0, 9}, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	var c changed
	var uses flow.Mask
	uses.SetExact(flow.FieldEthDst)
	uses.SetExact(flow.FieldEthType)
	v := new(rules.Verdict)
	c.become(new(flow.Key), p.Words())
	c.consult(&uses, v)
	if v.Mask.Any(flow.FieldEthDst) || !v.Mask.Exact(flow.FieldEthType) || v.Rewrote == 0 {
		t.Errorf("the mask has eth_dst: %t, eth_type: %t; rewritten words %#x", v.Mask.Any(flow.FieldEthDst), v.Mask.Exact(flow.FieldEthType), v.Rewrote)
	}
	uses = flow.Mask{}
	uses.SetExact(flow.FieldVLANTCI)
	p.PopVLAN()
	c.become(new(flow.Key), p.Words())
	c.consult(&uses, v)
	if !v.Mask.Exact(flow.FieldVLANTCI1) {
		t.Error("a tag that moved to the front is not consulted where it was")
	}
}

// An entrance is a tunnel that hears whose packets go into it.
type entrance struct {
	said  rules.Entry
	heard []int64
}

func (e *entrance) Send(s *rules.Sending) rules.Sent {
	s.Reset()
	s.Entry = e.said
	return rules.SentOut
}

func (e *entrance) MTU() int { return 1500 }

func (e *entrance) Entered(said *rules.Entry, used int64) {
	if *said == e.said {
		e.heard = append(e.heard, used)
	}
}

func TestATunnelHearsOfPacketsThatGoIntoItWheneverTheyAreCounted(t *testing.T) {
	b := newBench(t, twoNets())
	tun := &entrance{said: rules.Entry{VNI: 1<<32 - 1, Src: mac(1), Port: 1<<32 - 1}}
	ports := slices.Clone(b.Table.ports)
	ports[2].Tunnel = tun
	b.SetPorts(ports)
	v := b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9))
	tun.heard = nil // of the packet itself
	b.Credit(v.Trail, 1, 60, 5)
	b.Credit(v.Trail, 0, 0, 6)
	b.Credit(v.Trail, 9, 540, 7)
	if !slices.Equal(tun.heard, []int64{5, 7}) {
		t.Errorf("heard %v", tun.heard)
	}
}

// draft-smith-vxlan-group-policy-05 section 2.1, the flag D.
func TestNothingIsLearnedFromAPacketWhoseGroupPolicySaysSo(t *testing.T) {
	for _, c := range []struct {
		exts    string
		flags   uint64
		learned int
	}{{" exts=gbp", 0x40, 0}, {" exts=gbp", 0x08, 1}, {"", 0, 1}} {
		b := overlaid(t, roads{"192.0.2.1": underlay.OK}, "remote_ip=192.0.2.1 key=7"+c.exts, "")
		pkt := udp(mac(1), mac(3), "10.0.1.3", "10.0.1.2", 64, 9)
		k := b.key(2, pkt)
		k.SetUint(flow.FieldTunID, 7)
		k.SetUint(flow.FieldTunGBPFlags, c.flags)
		v := new(rules.Verdict)
		if err := b.Lookup(&rules.Query{Key: k, Packet: pkt, Size: len(pkt), Now: b.now, Live: true}, v); err != nil {
			t.Fatal(err)
		}
		b.Credit(v.Trail, 1, uint64(len(pkt)), b.now)
		if n := len(b.Addresses()); n != c.learned {
			t.Errorf("%s, flags %#x: %d addresses learned, want %d", c.exts, c.flags, n, c.learned)
		}
		if looks := v.Mask.Uint(flow.FieldTunGBPFlags)&0x40 != 0; looks != (c.exts != "") {
			t.Errorf("%s: the mask has the flag: %t", c.exts, looks)
		}
	}
}

package openflow

import (
	stdcontext "context"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// roads is a router for tests: which addresses are reached, asked about, or, if absent, not there.
type roads map[netip.Addr]underlay.Status

var one, two, here = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.9")

// roadTag is the tag of all its ways.
const roadTag = 1 << 5

func (roads) Exits() []underlay.Way { return nil }

func (r roads) Route(dst, src netip.Addr, _ uint32, _ uint64) (underlay.Way, underlay.Status) {
	w := underlay.Way{Tag: roadTag, Paths: 1}
	status, ok := r[dst]
	if !ok {
		return w, underlay.NoRoute
	}
	if w.Src = src; !src.IsValid() {
		w.Src = here
	}
	w.Port, w.SrcMAC, w.DstMAC, w.MTU = 200, [6]byte{2, 9}, [6]byte{2, 1}, 1500
	return w, status
}

// tunnelBench is a table with trunks 1 and 2 and tunnels from 10 on.
func tunnelBench(t testing.TB, r roads, flows string, tunnels ...string) *Table {
	t.Helper()
	ports := trunks(1, 2)
	set := tunnel.NewSet(r)
	for i, text := range tunnels {
		name, rest, _ := strings.Cut(text, " ")
		typ, err := encap.ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		options := make(map[string]string)
		for _, f := range strings.Fields(rest) {
			k, v, _ := strings.Cut(f, "=")
			options[k] = v
		}
		dev, err := set.Driver(typ).Open(stdcontext.Background(), text, options)
		if err != nil {
			t.Fatal(err)
		}
		n := uint32(10 + i)
		ports = append(ports, rules.Port{ID: 100 + n, Number: n, Name: "t" + name, Tunnel: dev.(rules.Tunnel)})
	}
	table, _ := newTable(t, Options{}, ports, flows)
	return table
}

func verdictOf(t testing.TB, table *Table, k *flow.Key) *rules.Verdict {
	t.Helper()
	v := new(rules.Verdict)
	if err := table.Lookup(&rules.Query{Key: k, Now: 1000 * second, Live: true}, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// pushed returns the outer headers that a program makes.
func pushed(t testing.TB, words []uint64) (list []encap.Outer) {
	t.Helper()
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpPush {
			o, err := encap.ReadStack(in.Header().Stack)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, o)
		}
	}
	return list
}

func TestAllWaysToSendLeadIntoATunnel(t *testing.T) {
	open := roads{one: underlay.OK}
	for _, flows := range []string{
		"actions=output:10", "actions=flood", "actions=all", "actions=NORMAL", "actions=load:10->NXM_NX_REG0[],output:NXM_NX_REG0[]",
		"actions=output(port=10,max_len=60)", "actions=write_actions(output:10)", "actions=clone(output:10)", "actions=enqueue:10:1",
		"actions=resubmit(,1)\ntable=1,actions=10",
	} {
		table := tunnelBench(t, open, flows, "vxlan remote_ip=192.0.2.1 key=7")
		v := verdictOf(t, table, packet(t, "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02"))
		got := pushed(t, v.Actions.Words())
		if len(got) != 1 || got[0].Dst != one || got[0].Key != 7 {
			t.Errorf("%s: %+v", flows, got)
		}
		if !action.Valid(v.Actions.Words()) || v.Tags&roadTag == 0 {
			t.Errorf("%s: program valid %v, tags %#x", flows, action.Valid(v.Actions.Words()), v.Tags)
		}
	}
	table := tunnelBench(t, open, "", "vxlan remote_ip=192.0.2.1 key=7")
	addGroups(t, table, "group_id=1,type=all,bucket=output:10,bucket=output:2")
	add(t, table, "actions=group:1")
	if got := pushed(t, verdictOf(t, table, packet(t, "in_port=1")).Actions.Words()); len(got) != 1 {
		t.Errorf("a group: %+v", got)
	}
}

func TestWhatARuleSetsGoesIntoTheOuterHeaders(t *testing.T) {
	table := tunnelBench(t, roads{one: underlay.OK, two: underlay.OK},
		"actions=set_tunnel:5,set_field:192.0.2.2->tun_dst,output:10,set_tunnel:6,set_field:192.0.2.1->tun_dst,output:10", "gre remote_ip=flow key=flow")
	v := verdictOf(t, table, packet(t, "in_port=1"))
	got := pushed(t, v.Actions.Words())
	if len(got) != 2 || got[0].Key != 5 || got[0].Dst.String() != "192.0.2.2" || got[1].Key != 6 || got[1].Dst.String() != "192.0.2.1" {
		t.Errorf("%+v", got)
	}
	if m := v.Mask; m.Any(flow.FieldTunID) || m.Any(flow.FieldTunDst) {
		t.Error("what the rule has set counts as the packet's own")
	}
}

func TestWhatAPacketBringsFromOneTunnelIntoAnotherIsConsulted(t *testing.T) {
	table := tunnelBench(t, roads{one: underlay.OK}, "actions=output:11", "vxlan remote_ip=flow key=flow", "gre remote_ip=192.0.2.1 key=flow")
	k := packet(t, "in_port=10,tun_id=77,tun_src=192.0.2.5,tun_dst=192.0.2.9")
	k[flow.Base][flow.OffBlocks] = 1<<flow.Base | 1<<flow.Tunnel
	v := verdictOf(t, table, k)
	if got := pushed(t, v.Actions.Words()); len(got) != 1 || got[0].Key != 77 {
		t.Errorf("%+v", got)
	}
	for _, f := range []flow.FieldID{flow.FieldTunSrc, flow.FieldTunDst} {
		if !v.Mask.Exact(f) {
			t.Errorf("%s was not consulted, though packets do not go back where they come from", f)
		}
	}
	if v.Mask.Uint(flow.FieldTunID)&0xffffffff != 0xffffffff {
		t.Errorf("mask of tun_id: %#x", v.Mask.Uint(flow.FieldTunID))
	}
}

func TestAGuestThatRulesAddressAnewIsFollowed(t *testing.T) {
	guest := new(flow.Match)
	guest.SetBytesMasked(flow.FieldEthDst, []byte{2, 0, 0, 0, 0, 0x22}, []byte{255, 255, 255, 255, 255, 255})
	moved := rules.Change{Tag: roadTag, Match: guest}
	for _, c := range []struct {
		rule    string
		follows bool
	}{
		{"dl_dst=02:00:00:00:00:01,actions=mod_dl_dst:02:00:00:00:00:22,output:10", true},
		{"dl_dst=02:00:00:00:00:01,actions=mod_dl_dst:02:00:00:00:00:22,resubmit(,1)\ntable=1,actions=output:10", true},
		{"dl_dst=02:00:00:00:00:01,actions=mod_dl_dst:02:00:00:00:00:22,write_actions(output:10)", true},
		{"dl_dst=02:00:00:00:00:01,actions=output:10", false},
	} {
		table := tunnelBench(t, roads{one: underlay.OK}, c.rule, "vxlan remote_ip=192.0.2.1 key=7")
		k := packet(t, "in_port=1,dl_dst=02:00:00:00:00:01")
		v := verdictOf(t, table, k)
		if got := moved.Concerns(v.Tags, k, &v.Mask, v.Rewrote); got != c.follows {
			t.Errorf("%s: a move of the guest concerns the flow: %v", c.rule, got)
		}
	}
}

func TestTheOriginalStaysAsItIsBehindATunnel(t *testing.T) {
	table := tunnelBench(t, roads{one: underlay.OK}, "actions=mod_vlan_vid:5,output:10,2,strip_vlan,output:10", "vxlan remote_ip=192.0.2.1")
	words := verdictOf(t, table, packet(t, "in_port=1")).Actions.Words()
	var ops []action.Op
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		ops = append(ops, in.Op)
	}
	want := []action.Op{
		action.OpPushVLAN, action.OpClone, action.OpPush, action.OpOutput, action.OpOutput, action.OpPopVLAN, action.OpPush, action.OpOutput,
	}
	if len(ops) != len(want) {
		t.Fatalf("operations %v, want %v", ops, want)
	}
	for i := range ops {
		if ops[i] != want[i] {
			t.Fatalf("operations %v, want %v", ops, want)
		}
	}
}

// A collector is a sender that keeps what it is given.
type collector struct {
	sent []collected
}

type collected struct {
	port    uint32
	packet  []byte
	program []uint64
	key     flow.Key
}

func (c *collector) Inject(port uint32, packet []byte, program []uint64) error {
	c.sent = append(c.sent, collected{port: port, packet: packet, program: program})
	return nil
}

func (c *collector) InjectAs(key *flow.Key, packet []byte, program []uint64) error {
	c.sent = append(c.sent, collected{port: uint32(key.Uint(flow.FieldInPort)), packet: packet, program: program, key: *key})
	return nil
}

// sentTo returns the context of the first OpSend of a program.
func sentTo(t testing.TB, words []uint64) uint32 {
	t.Helper()
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpSend:
			return in.Arg
		case action.OpPush:
			return in.Header().Context
		}
	}
	t.Fatal("nothing goes to the table")
	return 0
}

func TestAPacketWaitsForTheNextHopAndThenGoesOn(t *testing.T) {
	r := roads{one: underlay.Asked}
	table := tunnelBench(t, r, "actions=set_tunnel:9,output:10", "vxlan remote_ip=192.0.2.1 key=flow")
	to := new(collector)
	table.SetSender(to)
	k := packet(t, "in_port=1")
	id := sentTo(t, verdictOf(t, table, k).Actions.Words())
	pkt := make([]byte, 60)
	table.Receive(id, &rules.Query{Key: k, Packet: pkt, Size: 60, Now: 1000 * second})
	table.TunnelsChanged([]rules.Change{{Tag: roadTag}}) // of another host
	if len(to.sent) != 0 {
		t.Fatal("it went out before the next hop was known")
	}
	r[one] = underlay.OK
	table.TunnelsChanged([]rules.Change{{Tag: 1}}) // of something else
	if len(to.sent) != 0 {
		t.Fatal("it was looked at though what it waits for has not changed")
	}
	table.TunnelsChanged([]rules.Change{{Tag: roadTag}})
	if len(to.sent) != 1 || to.sent[0].port != 101 {
		t.Fatalf("sent %+v", to.sent)
	}
	if got := pushed(t, to.sent[0].program); len(got) != 1 || got[0].Key != 9 {
		t.Errorf("%+v", got)
	}
	var c rules.ChangeSet
	if table.Changes(1, &c); len(c.Changes) == 0 {
		t.Error("flows do not hear of it")
	}
}

func TestAPacketThatWaitsInVainIsDroppedAndCounted(t *testing.T) {
	table := tunnelBench(t, roads{one: underlay.Asked}, "actions=output:10", "vxlan remote_ip=192.0.2.1")
	table.SetSender(new(collector))
	k := packet(t, "in_port=1")
	id := sentTo(t, verdictOf(t, table, k).Actions.Words())
	for range 200 { // of which one port's part has room
		table.Receive(id, &rules.Query{Key: k, Packet: make([]byte, 60), Size: 60, Now: 1000 * second})
	}
	table.Expire(1010 * second)
	got := make(map[string]uint64)
	for _, s := range table.Samples() {
		got[s.Name] = s.Value
	}
	if got["tunnel_waited"] != 128 || got["tunnel_wait_full"] != 72 || got["tunnel_wait_expired"] != 128 {
		t.Errorf("%v", got)
	}
}

func TestWhoSendsAPacketThatIsTooLongIsTold(t *testing.T) {
	table := tunnelBench(t, roads{one: underlay.OK}, "actions=output:10", "vxlan remote_ip=192.0.2.1 key=3")
	to := new(collector)
	table.SetSender(to)
	k := packet(t, "in_port=1")
	id := sentTo(t, verdictOf(t, table, k).Actions.Words())
	pkt := make([]byte, 1514)
	copy(pkt, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})
	table.Receive(id, &rules.Query{Key: k, Packet: pkt, Size: len(pkt), Now: 1000 * second})
	if len(to.sent) != 1 {
		t.Fatalf("sent %+v", to.sent)
	}
	s := to.sent[0]
	// It comes by the tunnel, from where the packet went, and says 1500 - 20 - 8 - 8 - 14 bytes.
	if s.port != 110 || s.key.Uint(flow.FieldTunID) != 3 || [4]byte(s.key.Bytes(flow.FieldTunSrc)) != [4]byte{192, 0, 2, 1} {
		t.Errorf("port %d, tunnel %#x", s.port, s.key.Uint(flow.FieldTunID))
	}
	p := s.packet
	if [6]byte(p) != [6]byte{2, 0, 0, 0, 0, 1} || [4]byte(p[26:]) != [4]byte{10, 0, 0, 2} || p[34] != 3 || p[35] != 4 || int(p[40])<<8|int(p[41]) != 1450 {
		t.Errorf("% x", p[:42])
	}
}

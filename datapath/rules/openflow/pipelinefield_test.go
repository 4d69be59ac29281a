package openflow

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// optionBench is a table with an option of 4 bytes as tun_metadata0, and what its switch is given.
func optionBench(t *testing.T, flows string) (*Table, *collector) {
	t.Helper()
	tb, _ := newTable(t, Options{}, trunks(1, 2, 10), "")
	options, err := flow.ParseOptions("{class=0xffff,type=0x80,len=4}->tun_metadata0")
	if err != nil {
		t.Fatal(err)
	}
	if err := tb.AddTunnelOptions(options); err != nil {
		t.Fatal(err)
	}
	list, err := tb.Parser().ParseFlows(strings.NewReader(flows), "test")
	if err == nil {
		err = tb.AddFlows(list)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := new(collector)
	tb.SetSender(c)
	return tb, c
}

// tunnelPacket returns the key of a packet that has come out of a tunnel.
func tunnelPacket(t *testing.T, tb *Table, text string) *flow.Key {
	t.Helper()
	m, err := flow.ParseMatch(text, flow.Names{Options: tb.TunnelOptions()})
	if err != nil {
		t.Fatal(err)
	}
	m.Key.SetUint(flow.FieldInPort, m.Key.Uint(flow.FieldInPort)+100)
	return &m.Key
}

// text returns what a key says of tunnels.
func tunnelText(tb *Table, k *flow.Key) string {
	m := flow.Match{Key: *k}
	matchTunnel(&m, tb.TunnelOptions())
	m.Apply()
	return string(m.Append(nil, flow.Names{Options: tb.TunnelOptions()}))
}

// The order and the form of the fields are those of ovs-ofctl monitor 3.1.
func TestControllersAreToldThePacketsTunnelFields(t *testing.T) {
	for _, c := range []struct{ name, actions, packet, want string }{
		{"as it came", "controller", "in_port=10,tun_id=5,tun_src=192.0.2.2,tun_dst=192.0.2.1", "tun_id=0x5,tun_src=192.0.2.2,tun_dst=192.0.2.1,in_port=10"},
		{"as rules have set them", "set_field:9->tun_id,controller", "in_port=10,tun_id=5,tun_src=192.0.2.2", "tun_id=0x9,tun_src=192.0.2.2,in_port=10"},
		{"as rules have set them in part", "load:1->NXM_NX_TUN_ID[8..15],controller", "in_port=10,tun_id=5", "tun_id=0x105,in_port=10"},
		{"of a packet without any", "set_tunnel:7,controller", "in_port=1", "tun_id=0x7,in_port=1"},
		{"all of them", "controller", "in_port=10,tun_ipv6_src=2001:db8::1,tun_gbp_id=3,tun_gbp_flags=8,tun_flags=+oam,tun_metadata0=0",
			"tun_ipv6_src=2001:db8::1,tun_gbp_id=3,tun_gbp_flags=0x8,tun_flags=+oam,tun_metadata0=0,in_port=10"},
		{"of ERSPAN", "controller", "in_port=10,tun_erspan_ver=2,tun_erspan_dir=1,tun_erspan_hwid=3", "tun_erspan_ver=2,tun_erspan_dir=1,tun_erspan_hwid=0x3,in_port=10"},
		{"an option that a rule has set", "set_field:0x77->tun_metadata0,controller", "in_port=1", "tun_metadata0=0x77,in_port=1"},
	} {
		tb, _ := optionBench(t, "actions="+c.actions)
		s := tb.SubscribePackets(0, 1)
		key := tunnelPacket(t, tb, c.packet)
		v := lookQuery(t, tb, &rules.Query{Key: key, Now: tb.clock(), Live: true})
		receiveAs(t, tb, v, key, []byte{1, 2, 3})
		if got := (<-s.C).MatchText(); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestACachedFlowTellsEachPacketsOwnTunnelFields(t *testing.T) {
	tb, _ := optionBench(t, "actions=set_field:192.0.2.9->tun_dst,controller")
	s := tb.SubscribePackets(0, 2)
	first := tunnelPacket(t, tb, "in_port=10,tun_id=5,tun_src=192.0.2.2,tun_dst=192.0.2.1")
	v := lookQuery(t, tb, &rules.Query{Key: first, Now: tb.clock(), Live: true})
	if v.Mask.Any(flow.FieldTunID) || v.Mask.Any(flow.FieldTunSrc) {
		t.Fatal("the flow is for packets with these fields only")
	}
	receiveAs(t, tb, v, first, nil)
	receiveAs(t, tb, v, tunnelPacket(t, tb, "in_port=10,tun_id=6,tun_src=192.0.2.3,tun_dst=192.0.2.1"), nil)
	for _, want := range []string{"tun_id=0x5,tun_src=192.0.2.2,tun_dst=192.0.2.9,in_port=10", "tun_id=0x6,tun_src=192.0.2.3,tun_dst=192.0.2.9,in_port=10"} {
		if got := (<-s.C).MatchText(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// pausedBy returns the packet-in of a packet that a table pauses.
func pausedBy(t *testing.T, tb *Table, packet string) *PacketIn {
	t.Helper()
	s := tb.SubscribePackets(0, 1)
	defer s.Close()
	key := tunnelPacket(t, tb, packet)
	receiveAs(t, tb, lookQuery(t, tb, &rules.Query{Key: key, Now: tb.clock(), Live: true}), key, []byte{1, 2, 3})
	return <-s.C
}

func TestAPausedPacketKeepsItsTunnelFields(t *testing.T) {
	tb, c := optionBench(t, "actions=set_field:9->tun_id,controller(pause),resubmit(,1)\ntable=1,tun_id=9,tun_src=192.0.2.2,tun_metadata0=0x77,actions=2")
	p := pausedBy(t, tb, "in_port=10,tun_id=5,tun_src=192.0.2.2,tun_dst=192.0.2.1,tun_metadata0=0x77")
	if err := tb.Resume(p.Continuation, p.Match, p.Data); err != nil {
		t.Fatal(err)
	}
	in := c.sent[0]
	// What a rule has set is not the packet's own: it has not come in with it.
	if got, want := tunnelText(tb, &in.key), "tun_src=192.0.2.2,tun_dst=192.0.2.1,tun_metadata0=0x77"; in.port != 110 || got != want {
		t.Errorf("it comes in again by port %d as %s, want by 110 as %s", in.port, got, want)
	}
	in.key.SetUint(flow.FieldRecircID, uint64(recircOf(in.program)))
	if got := program(lookQuery(t, tb, &rules.Query{Key: &in.key, Now: tb.clock()})); got != "output:2" {
		t.Errorf("it goes on with %s, want output:2", got)
	}
}

func TestAControllerChangesWhatAPausedPacketHas(t *testing.T) {
	const flows = "actions=load:1->NXM_NX_REG1[],load:4->OXM_OF_METADATA[],controller(pause),resubmit(,1)\n" +
		"table=1,reg1=8,metadata=0,actions=1\ntable=1,tun_id=7,actions=10\ntable=1,priority=1,actions=1,in_port"
	for _, c := range []struct{ name, match, want string }{
		{"nothing", "reg1=0x1,metadata=0x4,in_port=2", "output:1,output:2"},
		{"a register, and leaves metadata out", "reg1=8,in_port=2", "output:1"},
		{"a tunnel field that it did not have", "reg1=1,tun_id=7,in_port=1", "output:10"},
		{"where it comes in", "reg1=1,in_port=10", "output:1,output:10"},
	} {
		tb, s := optionBench(t, flows)
		p := pausedBy(t, tb, "in_port=2")
		m, err := tb.Parser().ParsePipeline(c.match)
		if err == nil {
			err = tb.Resume(p.Continuation, &m, p.Data)
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		in := s.sent[0]
		in.key.SetUint(flow.FieldRecircID, uint64(recircOf(in.program)))
		if got := program(lookQuery(t, tb, &rules.Query{Key: &in.key, Now: tb.clock()})); got != c.want {
			t.Errorf("a controller changes %s: the packet goes on with %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWhatIsNoPipelineFieldIsNotAPausedPackets(t *testing.T) {
	tb, _ := optionBench(t, "")
	for _, text := range []string{"tcp,in_port=1", "eth_src=02:00:00:00:00:01", "nd_target=::1,icmp6", "foo", "tun_metadata1=4"} {
		if m, err := tb.Parser().ParsePipeline(text); err == nil {
			t.Errorf("%s: taken as %s", text, m.String())
		}
	}
	if _, err := tb.Parser().ParsePipeline("reg1=0x7,metadata=0x5,pkt_mark=0x3,actset_output=2,tun_id=0x5,in_port=1"); err != nil {
		t.Errorf("all that a packet-in says: %v", err)
	}
}

func TestAControllersPacketHasTheTunnelFieldsThatItSays(t *testing.T) {
	tb, c := optionBench(t, "tun_id=5,tun_src=192.0.2.2,tun_metadata0=7,actions=2")
	o, err := tb.Parser().ParsePacketOut("in_port=10,tun_id=5,tun_src=192.0.2.2,tun_metadata0=7,packet=000102,actions=table")
	if err == nil {
		err = tb.SendPacket(&o)
	}
	if err != nil {
		t.Fatal(err)
	}
	in := c.sent[0]
	if got, want := tunnelText(tb, &in.key), "tun_id=0x5,tun_src=192.0.2.2,tun_metadata0=0x7"; in.port != 110 || got != want {
		t.Errorf("it comes in by port %d as %s, want by 110 as %s", in.port, got, want)
	}
	in.key.SetUint(flow.FieldRecircID, uint64(recircOf(in.program)))
	if got := program(lookQuery(t, tb, &rules.Query{Key: &in.key, Now: tb.clock()})); got != "output:2" {
		t.Errorf("the tables say %s, want output:2", got)
	}
}

// The list is ovs-ofctl 3.1's.
func TestPacketOutsTakeTheFieldsThatOpenVSwitchTakes(t *testing.T) {
	tb, _ := optionBench(t, "")
	for field, taken := range map[string]bool{
		"tun_id=5": true, "tun_id=5/5": true, "tun_src=1.2.3.4": true, "tun_dst=1.2.3.4": true, "tun_ipv6_src=::1": true, "tun_ipv6_dst=::1": true,
		"tun_flags=oam": true, "tun_gbp_id=3": true, "tun_gbp_flags=8": true, "tun_erspan_ver=1,tun_erspan_idx=5": true,
		"tun_erspan_dir=1": true, "tun_erspan_hwid=3": true, "tun_metadata0=7": true, "metadata=1": true, "reg0=4/4": true, "xreg1=1": true,
		"pkt_mark=5": false, "tun_tos=5": false, "conj_id=4": false, "dl_src=02:00:00:00:00:01": false, "tun_metadata1=1": false,
	} {
		_, err := tb.Parser().ParsePacketOut("in_port=1," + field + ",packet=00,actions=2")
		if (err == nil) != taken {
			t.Errorf("%s: %v", field, err)
		}
	}
}

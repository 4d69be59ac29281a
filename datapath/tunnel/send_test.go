package tunnel

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Exits has an interface with both families, and a narrower one with IPv4 in a VLAN.
func (ways) Exits() []underlay.Way {
	v4, v6 := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")
	return []underlay.Way{{Src: v4, MTU: 1500}, {Src: v6, MTU: 1500}, {Src: v4, MTU: 1460, VLAN: 7}, {Src: v4}}
}

// ways is a Router for tests: what it does not have has no route. Tags are bit 1 for ways and 2 for what is not there.
type ways map[string]underlay.Status

func (w ways) Route(dst, src netip.Addr, _ uint32, _ uint64) (underlay.Way, underlay.Status) {
	status, ok := w[dst.String()]
	if !ok {
		return underlay.Way{Tag: 2}, underlay.NoRoute
	}
	if !src.IsValid() {
		src = netip.MustParseAddr("192.0.2.9")
		if dst.Is6() {
			src = netip.MustParseAddr("2001:db8::9")
		}
	}
	return underlay.Way{
		Port: 7, Name: "eth1", SrcMAC: [6]byte{2, 0, 0, 0, 0, 9}, DstMAC: [6]byte{2, 0, 0, 0, 0, dst.As16()[15]}, Src: src, MTU: 1500, Tag: 1, Paths: 1,
	}, status
}

// A bench is one port, and what is to be sent.
type bench struct {
	t    *testing.T
	set  *Set
	port *Port
	s    rules.Sending
	prog action.Program
}

func newBench(t *testing.T, typ encap.Type, options string, r Router) *bench {
	t.Helper()
	b := &bench{t: t, set: NewSet(r)}
	p, err := b.set.Driver(typ).Open(context.Background(), "t0", opts(options))
	if err != nil {
		t.Fatal(err)
	}
	b.port = p.(*Port)
	b.s = rules.Sending{Key: new(flow.Key), Came: new(flow.Key), Port: 3, Program: &b.prog}
	return b
}

// key is what leaves, from "field=value,...".
func (b *bench) key(text string) *bench {
	b.t.Helper()
	m, err := flow.ParseMatch(text, flow.Names{Options: b.s.Options})
	if err != nil {
		b.t.Fatal(err)
	}
	k := m.Key
	b.s.Key = &k
	return b
}

// came is what came in by a tunnel.
func (b *bench) came(text string) *bench {
	out := b.s.Key
	b.key(text)
	b.s.Came = b.s.Key
	b.s.Came[flow.Base][flow.OffBlocks] |= 1<<flow.Tunnel | 1<<flow.Base
	b.s.Key = out
	return b
}

// send says what becomes of the packet in words.
func (b *bench) send() string {
	b.t.Helper()
	b.prog.Reset()
	switch b.port.Send(&b.s) {
	case rules.SentNot:
		return b.s.Reason.String()
	case rules.SentLater:
		return strings.TrimSpace(b.outers() + fmt.Sprintf(" later%v", b.s.Missing))
	}
	return b.outers()
}

// outers are the headers that the program pushes.
func (b *bench) outers() string {
	var list []string
	for _, o := range b.stacks() {
		list = append(list, fmt.Sprintf("%s %s>%s key %d", o.Type, o.Src, o.Dst, o.Key))
	}
	return strings.Join(list, ", ")
}

func (b *bench) stacks() (list []encap.Outer) {
	for in, rest, ok := action.Next(b.prog.Words()); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpPush {
			o, err := encap.ReadStack(in.Header().Stack)
			if err != nil {
				b.t.Fatal(err)
			}
			list = append(list, o)
		}
	}
	return list
}

func TestAPacketLeavesByTheOptionsOrByItsFlow(t *testing.T) {
	open := ways{"192.0.2.1": underlay.OK, "192.0.2.2": underlay.OK, "2001:db8::1": underlay.OK, "192.0.2.3": underlay.Asked, "192.0.2.4": underlay.Unreachable}
	for _, c := range []struct {
		name    string
		typ     encap.Type
		options string
		key     string
		want    string
		uses    string // fields that mattered, beside the mark
	}{
		{"fixed", encap.VXLAN, "remote_ip=192.0.2.1 key=42", "", "vxlan 192.0.2.9>192.0.2.1 key 42", ""},
		{"fixed source", encap.VXLAN, "remote_ip=192.0.2.1 local_ip=192.0.2.8", "", "vxlan 192.0.2.8>192.0.2.1 key 0", ""},
		{"over IPv6", encap.Geneve, "remote_ip=2001:db8::1 key=9", "", "geneve 2001:db8::9>2001:db8::1 key 9", "tun_flags"},
		{"key by flow", encap.VXLAN, "remote_ip=192.0.2.1 key=flow", "tun_id=0x1234567", "vxlan 192.0.2.9>192.0.2.1 key 2311527", "tun_id"},
		{"all by flow", encap.GRE, "remote_ip=flow local_ip=flow key=flow", "tun_id=7,tun_src=192.0.2.8,tun_dst=192.0.2.2", "gre 192.0.2.8>192.0.2.2 key 7", "tun_id tun_src tun_dst"},
		{"IPv6 by flow", encap.GRE, "remote_ip=flow", "tun_ipv6_dst=2001:db8::1", "gre 2001:db8::9>2001:db8::1 key 0", "tun_dst tun_ipv6_dst"},
		{"no end by flow", encap.GRE, "remote_ip=flow", "", "tunnel_no_end", "tun_dst tun_ipv6_dst"},
		{"no route", encap.VXLAN, "remote_ip=198.51.100.1", "", "tunnel_no_way", ""},
		{"next hop silent", encap.VXLAN, "remote_ip=192.0.2.4", "", "tunnel_no_way", ""},
		{"next hop asked", encap.VXLAN, "remote_ip=192.0.2.3", "", "later[192.0.2.3]", ""},
		{"a version of ERSPAN that no header has", encap.ERSPAN, "remote_ip=192.0.2.1 erspan_ver=flow", "tun_erspan_ver=7", "tunnel_fields", "tun_erspan_ver"},
		{"a session that is none", encap.ERSPAN, "remote_ip=192.0.2.1 key=flow", "tun_id=1024", "tunnel_fields", "tun_id"},
		{"ERSPAN by flow", encap.ERSPAN, "remote_ip=192.0.2.1 erspan_ver=flow erspan_idx=flow key=3", "tun_erspan_ver=1,tun_erspan_idx=0x77", "erspan 192.0.2.9>192.0.2.1 key 3", "tun_erspan_idx tun_erspan_ver"},
		{"NVGRE", encap.NVGRE, "remote_ip=192.0.2.1 key=5", "", "nvgre 192.0.2.9>192.0.2.1 key 5", "vlan_tci vlan_vid"},
		{"a VLAN tag, which NVGRE has no place for", encap.NVGRE, "remote_ip=192.0.2.1 key=5", "vlan_tci=0x1005", "tunnel_fields", "vlan_tci vlan_vid"},
		{"group policy", encap.VXLAN, "remote_ip=192.0.2.1 exts=gbp", "tun_gbp_id=5", "vxlan 192.0.2.9>192.0.2.1 key 0", "tun_gbp_id tun_gbp_flags"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.typ, c.options, open).key(c.key)
			if got := b.send(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if looked := b.s.Tags != 0; looked != b.s.Uses.Any(flow.FieldPktMark) {
				t.Errorf("a way was looked for: %v; by the packet's mark: %v", looked, !looked)
			}
			var uses []string
			for f := flow.FieldID(1); f < flow.NumFields; f++ {
				if b.s.Uses.Any(f) && f != flow.FieldPktMark {
					uses = append(uses, f.String())
				}
			}
			if got := strings.Join(uses, " "); got != c.uses {
				t.Errorf("looked at %q, want %q", got, c.uses)
			}
			if strings.HasPrefix(c.name, "no route") != (b.s.Tags == 2) {
				t.Errorf("tags %#x", b.s.Tags)
			}
		})
	}
}

// marks is a Router that has a way for one mark only.
type marks struct {
	ways
	only uint32
}

func (m marks) Route(dst, src netip.Addr, mark uint32, hash uint64) (underlay.Way, underlay.Status) {
	if mark != m.only {
		return underlay.Way{Tag: 1}, underlay.NoRoute
	}
	return m.ways.Route(dst, src, mark, hash)
}

func TestTheMarkOfTheOptionsComesBeforeThatOfThePacket(t *testing.T) {
	open := marks{ways{"192.0.2.1": underlay.OK}, 5}
	for _, c := range []struct {
		options, key string
		out, looked  bool
	}{
		{"", "pkt_mark=5", true, true},
		{"", "pkt_mark=6", false, true},
		{"", "", false, true},
		{" egress_pkt_mark=5", "pkt_mark=6", true, false},
		{" egress_pkt_mark=5", "", true, false},
		{" egress_pkt_mark=0", "pkt_mark=5", false, false},
	} {
		b := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1"+c.options, open).key(c.key)
		if got := b.send(); (got != "tunnel_no_way") != c.out {
			t.Errorf("options%q, packet %q: %s", c.options, c.key, got)
		}
		if got := b.s.Uses.Uint(flow.FieldPktMark) == 1<<32-1; got != c.looked {
			t.Errorf("options%q, packet %q: looked at its mark: %v", c.options, c.key, got)
		}
		if up := b.port.LinkUp(); up != (c.options == " egress_pkt_mark=5") {
			t.Errorf("options%q: link up: %v", c.options, up)
		}
	}
}

func TestOnlyTheBitsOfAKeyThatFitMatter(t *testing.T) {
	b := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1 key=flow", ways{"192.0.2.1": underlay.OK}).key("tun_id=7")
	b.send()
	if got := b.s.Uses.Uint(flow.FieldTunID); got != 1<<24-1 {
		t.Errorf("mask %#x", got)
	}
}

func TestOptionsGoIntoTheHeaderInTheOrderOfTheirFields(t *testing.T) {
	list, err := flow.ParseOptions("{class=0x102,type=0x80,len=4}->tun_metadata3,{class=0x103,type=1,len=8}->tun_metadata1,{class=0x104,type=2,len=4}->tun_metadata2")
	if err != nil {
		t.Fatal(err)
	}
	tlv, err := (*flow.TLVMap)(nil).Add(list...)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, encap.Geneve, "remote_ip=192.0.2.1", ways{"192.0.2.1": underlay.OK})
	b.s.Options = tlv
	b.key("tun_metadata3=0x11223344,tun_metadata1=0x55")
	b.send()
	want := []byte{1, 3, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0x55, 1, 2, 0x80, 1, 0x11, 0x22, 0x33, 0x44}
	if got := b.stacks()[0].Options; !slices.Equal(got, want) {
		t.Errorf("options % x, want % x", got, want)
	}
	for _, o := range tlv.Options() {
		if !b.s.Uses.Any(o.Field) {
			t.Errorf("whether there is %s did not matter", o.Field)
		}
	}
}

func TestAPacketNeverGoesBackToTheEndItCameFrom(t *testing.T) {
	open := ways{"192.0.2.1": underlay.OK, "192.0.2.9": underlay.OK}
	came := "tun_id=5,tun_src=192.0.2.1,tun_dst=192.0.2.9"
	for _, c := range []struct {
		name     string
		options  string
		switched bool
		want     string
	}{
		{"to ourselves", "remote_ip=192.0.2.9", false, "tunnel_own_end"},
		{"by a switch", "remote_ip=192.0.2.1 key=5", true, "tunnel_split_horizon"},
		{"by a switch into another network", "remote_ip=192.0.2.1 key=6", true, "vxlan 192.0.2.9>192.0.2.1 key 6"},
		{"by a rule that says so", "remote_ip=192.0.2.1 key=5", false, "vxlan 192.0.2.9>192.0.2.1 key 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, encap.VXLAN, c.options, open).came(came)
			b.s.Switched = c.switched
			if got := b.send(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if !b.s.CameUses {
				t.Error("where it came from did not matter")
			}
		})
	}
}

func TestTheProgramSaysWhatBecomesOfPacketsThatAreTooLong(t *testing.T) {
	for _, c := range []struct {
		options string
		context uint32
		want    action.Excess
	}{
		{"mtu_action=icmp", 5, action.ExcessSend},
		{"mtu_action=icmp", 0, action.ExcessCut}, // no room for a context
		{"mtu_action=drop", 5, action.ExcessDrop},
		{"mtu_action=fragment df_default=false", 5, action.ExcessFragment},
	} {
		b := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1 "+c.options, ways{"192.0.2.1": underlay.OK})
		b.s.Context, b.s.Trunc = c.context, 100
		b.send()
		in, rest, _ := action.Next(b.prog.Words()) // clone(
		cut, rest, _ := action.Next(rest)
		push, rest, _ := action.Next(rest)
		out, rest, _ := action.Next(rest)
		h := push.Header()
		if in.Op != action.OpClone || cut.Op != action.OpTrunc || cut.Arg != 100 || out.Op != action.OpOutput || out.Arg != 7 || len(rest) > 0 {
			t.Fatalf("program % x", b.prog.Words())
		}
		// 1500 bytes less IPv4, UDP and VXLAN.
		if h.Tunnel != 3 || h.Longest != 1464 || h.Excess != c.want {
			t.Errorf("%s: tunnel %d, longest %d, excess %d, want %d", c.options, h.Tunnel, h.Longest, h.Excess, c.want)
		}
	}
}

func TestAPortKnowsItsMTUAndWhyItIsDown(t *testing.T) {
	b := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1 key=1", ways{"192.0.2.1": underlay.OK})
	if got := b.port.Info().MTU; got != 1450 || !b.port.LinkUp() {
		t.Errorf("MTU %d, up %v", got, b.port.LinkUp())
	}
	b = newBench(t, encap.VXLAN, "remote_ip=192.0.2.1 key=1", ways{})
	i := b.port.Info()
	if last := i.Notes[len(i.Notes)-1]; i.MTU != 0 || b.port.LinkUp() || last.Reason != underlay.NoRoute.String() {
		t.Errorf("%+v, up %v", i, b.port.LinkUp())
	}
}

func TestTheMTUToSeveralEndsIsTheLeastOfAll(t *testing.T) {
	for _, c := range []struct {
		typ     encap.Type
		options string
		want    int
	}{
		{encap.VXLAN, "remote_ip=flow", 1410},                          // by IPv4: 1460 - 20 - 8 - 8 - 14
		{encap.VXLAN, "remote_ip=flow local_ip=2001:db8::9", 1430},     // 1500 - 40 - 8 - 8 - 14
		{encap.VXLAN, "remote_ip=lookup profile=dc key=5", 1410},       // as by flow
		{encap.GRE, "remote_ip=flow key=flow local_ip=flow", 1418},     // 1460 - 20 - 8 - 14
		{encap.ERSPAN, "remote_ip=flow erspan_ver=flow key=5", 1406},   // 1460 - 20 - 8 - 12 - 14
		{encap.ERSPAN, "remote_ip=192.0.2.1 erspan_ver=1 key=5", 1450}, // 1500 - 20 - 8 - 8 - 14
	} {
		b := newBench(t, c.typ, c.options, ways{"192.0.2.1": underlay.OK})
		i := b.port.Info()
		if last := i.Notes[len(i.Notes)-1]; i.MTU != c.want || last.Value != fmt.Sprint(c.want) {
			t.Errorf("%s %s: MTU %d, want %d; notes %v", c.typ, c.options, i.MTU, c.want, i.Notes)
		}
	}
}

func TestTwoPortsAreNotTheSameTunnel(t *testing.T) {
	b := newBench(t, encap.VXLAN, "remote_ip=192.0.2.1 key=1", ways{})
	_, err := b.set.Driver(encap.VXLAN).Open(context.Background(), "t1", opts("remote_ip=192.0.2.1 in_key=1 ttl=3"))
	if err == nil || !strings.Contains(err.Error(), "port t1 is the same tunnel as port t0: vxlan remote_ip=192.0.2.1 in_key=1 dst_port=4789") {
		t.Error(err)
	}
	if err := b.port.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.set.Driver(encap.VXLAN).Open(context.Background(), "t1", opts("remote_ip=192.0.2.1 in_key=1 ttl=3")); err != nil {
		t.Error(err)
	}
}

func TestAUDPPortIsOfOneTypeOfTunnel(t *testing.T) {
	b := newBench(t, encap.Geneve, "remote_ip=192.0.2.1 key=1", ways{})
	open := func(typ encap.Type, options string) error {
		_, err := b.set.Driver(typ).Open(context.Background(), "t-"+typ.String(), opts(options))
		return err
	}
	if err := open(encap.VXLAN, "remote_ip=192.0.2.2 dst_port=6081"); err == nil || err.Error() != "port t-vxlan, of type vxlan, has dst_port 6081, which is that of port t0, of type geneve" {
		t.Error(err)
	}
	if err := open(encap.Geneve, "remote_ip=192.0.2.2 dst_port=6081"); err != nil {
		t.Errorf("two of one type: %v", err)
	}
	if err := open(encap.GRE, "remote_ip=192.0.2.2"); err != nil {
		t.Errorf("GRE, which has no ports: %v", err)
	}
	if err := b.port.Close(); err != nil {
		t.Fatal(err)
	}
	const free = "remote_ip=192.0.2.2 dst_port=6081"
	if err := open(encap.VXLAN, free); err == nil || !strings.Contains(err.Error(), "port t-geneve") {
		t.Errorf("one of two has closed: %v", err)
	}
	for _, p := range b.set.Ports() {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(encap.VXLAN, free); err != nil {
		t.Errorf("nobody uses the UDP port any more: %v", err)
	}
}

func TestTunnelsUseSoManyUDPPortsAndNoMore(t *testing.T) {
	set := NewSet(ways{})
	open := func(port int) error {
		name := fmt.Sprintf("t%d", port)
		_, err := set.Driver(encap.VXLAN).Open(context.Background(), name, opts(fmt.Sprintf("remote_ip=192.0.2.1 dst_port=%d", port)))
		return err
	}
	for i := range encap.MaxPorts {
		if err := open(10000 + i); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(9999); err == nil || !strings.Contains(err.Error(), "no more fit") {
		t.Error(err)
	}
	var list []encap.Tunnel
	for _, p := range set.Ports() {
		list = append(list, p.Receives(1))
	}
	if _, err := encap.NewTunnels([]encap.Address{{Addr: netip.MustParseAddr("192.0.2.9")}}, list); err != nil {
		t.Errorf("what has opened is not received: %v", err)
	}
}

// book is a Directory for tests, of answers.
type book map[vtep.Question]vtep.Result

func (d book) Ask(q vtep.Question, _ bool) vtep.Result {
	r, ok := d[q]
	if !ok {
		r.State = vtep.None
	}
	r.Tags |= 4
	return r
}
func (d book) Learns() bool                                  { return false }
func (d book) Learn(vtep.Guest)                              {}
func (d book) Announces() bool                               { return false }
func (d book) Shoots() bool                                  { return false }
func (d book) Shoot(uint32, [6]byte, netip.Addr, netip.Addr) {}

func known(ends ...string) vtep.Result {
	r := vtep.Result{State: vtep.Known}
	for _, e := range ends {
		r.Answer.Ends = append(r.Answer.Ends, vtep.End{Addr: netip.MustParseAddr(e), Key: 42})
	}
	return r
}

func TestAProfileSaysWherePacketsGo(t *testing.T) {
	open := ways{"192.0.2.1": underlay.OK, "192.0.2.2": underlay.OK, "192.0.2.3": underlay.Asked, "192.0.2.4": underlay.Unreachable}
	d := book{
		vtep.ForMAC(42, [6]byte{2, 0, 0, 0, 0, 1}): known("192.0.2.1"),
		vtep.ForMAC(42, [6]byte{2, 0, 0, 0, 0, 3}): known("192.0.2.3"),
		vtep.ForMAC(42, [6]byte{2, 0, 0, 0, 0, 5}): {State: vtep.Asked},
		vtep.ForMAC(42, [6]byte{2, 0, 0, 0, 0, 6}): {State: vtep.Refused},
		vtep.ForFlood(42):                          known("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"),
	}
	const one, two = "vxlan 192.0.2.9>192.0.2.1 key 42", "vxlan 192.0.2.9>192.0.2.2 key 42"
	for _, c := range []struct{ name, dst, came, want string }{
		{"known", "02:00:00:00:00:01", "", one},
		{"not there", "02:00:00:00:00:09", "", "tunnel_unknown"},
		{"asked", "02:00:00:00:00:05", "", "later[]"},
		{"refused", "02:00:00:00:00:06", "", "later[]"},
		{"known, next hop asked", "02:00:00:00:00:03", "", "later[192.0.2.3]"},
		{"broadcast", "ff:ff:ff:ff:ff:ff", "", "later[192.0.2.3]"},
		{"broadcast from one end", "ff:ff:ff:ff:ff:ff", "tun_id=42,tun_src=192.0.2.1,tun_dst=192.0.2.9", "later[192.0.2.3]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, encap.VXLAN, "remote_ip=lookup profile=dc key=42", open).key("dl_dst=" + c.dst)
			b.set.SetProfiles(map[string]*Profile{"dc": {Directory: d}})
			if c.came != "" {
				b.came(c.came)
			}
			if got := b.send(); got != c.want {
				t.Errorf("a flow of packets: %s, want %s", got, c.want)
			}
			packet := c.want
			switch c.name {
			case "broadcast":
				packet = one + ", " + two + " later[192.0.2.3]"
			case "broadcast from one end":
				packet = two + " later[192.0.2.3]"
			}
			b.s.Packet = make([]byte, 60)
			if got := b.send(); got != packet {
				t.Errorf("one packet: %s, want %s", got, packet)
			}
			if b.s.Tags&4 == 0 {
				t.Error("no tag of the look-up's")
			}
			if exact := b.s.Uses.Exact(flow.FieldEthDst); exact != (c.dst[0] == '0') {
				t.Errorf("the whole destination mattered: %v", exact)
			}
		})
	}
}

func TestEndsThatMissedAPacketGetItAlone(t *testing.T) {
	open := ways{"192.0.2.1": underlay.OK, "192.0.2.3": underlay.OK}
	b := newBench(t, encap.VXLAN, "remote_ip=lookup profile=dc key=42", open).key("dl_dst=ff:ff:ff:ff:ff:ff")
	b.set.SetProfiles(map[string]*Profile{"dc": {Directory: book{vtep.ForFlood(42): known("192.0.2.1", "192.0.2.3")}}})
	b.s.Only = []netip.Addr{netip.MustParseAddr("192.0.2.3")}
	if got, want := b.send(), "vxlan 192.0.2.9>192.0.2.3 key 42"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNoProfileNoEnd(t *testing.T) {
	b := newBench(t, encap.VXLAN, "remote_ip=lookup profile=dc key=42", ways{})
	if got := b.send(); got != "tunnel_unknown" {
		t.Error(got)
	}
}

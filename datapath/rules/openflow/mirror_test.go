package openflow

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/flowcache/flow/flowtest"
)

// mirrored returns a table with these mirrors.
func mirrored(t *testing.T, ports []rules.Port, flows string, list ...Mirror) (*Table, *fakeClock) {
	t.Helper()
	tb, clock := newTable(t, Options{}, ports, flows)
	if err := tb.SetMirrors(list); err != nil {
		t.Fatal(err)
	}
	return tb, clock
}

func TestMirrors(t *testing.T) {
	all := Mirror{Name: "m", SelectAll: true, OutputPort: "p5"}
	src := func(ports ...string) Mirror { return Mirror{Name: "m", SelectSrc: ports, OutputPort: "p5"} }
	dst := func(ports ...string) Mirror { return Mirror{Name: "m", SelectDst: ports, OutputPort: "p5"} }
	with := func(m Mirror, change func(*Mirror)) Mirror {
		change(&m)
		return m
	}
	access := trunks(1, 2, 3, 4, 5)
	access[0].VLAN, access[1].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 10}, rules.VLAN{Mode: rules.VLANAccess, Tag: 10}
	protected := trunks(1, 2, 3, 4, 5)
	protected[0].Protected, protected[4].Protected = true, true
	for _, c := range []struct {
		name    string
		ports   []rules.Port
		mirrors []Mirror
		flow    string
		packet  string
		want    string
	}{
		{"what comes in is copied before anything is done to it", nil, []Mirror{src("p1")}, "actions=mod_dl_dst:02:00:00:00:00:aa,2", "in_port=1", "output:5,set(dl_dst=02:00:00:00:00:aa),output:2"},
		{"what goes out is copied as it does", nil, []Mirror{dst("p2")}, "actions=mod_dl_dst:02:00:00:00:00:aa,2,3", "in_port=1", "set(dl_dst=02:00:00:00:00:aa),output:2,output:5,output:3"},
		{"other ports are not copied", nil, []Mirror{src("p2")}, "actions=2", "in_port=1", "output:2"},
		{"one copy is enough", nil, []Mirror{all}, "actions=2,2,3", "in_port=1", "output:5,output:2,output:2,output:3"},
		{"what is dropped is copied, and dropped", nil, []Mirror{all}, "actions=drop", "in_port=1", "output:5,drop(rule)"},
		{"what a mirror's port brings is dropped", nil, []Mirror{all}, "actions=2", "in_port=5", "drop(mirror_port)"},
		{"NORMAL does not flood a mirror's port", nil, []Mirror{src("p2")}, "actions=NORMAL", "in_port=1", "output:2,output:3,output:4"},
		{"rules may send there", nil, []Mirror{src("p2")}, "actions=5,FLOOD", "in_port=1", "output:5,output:2,output:3,output:4,output:5"},
		{"two mirrors to one place send one copy", nil, []Mirror{src("p1"), with(all, func(m *Mirror) { m.Name = "n" })}, "actions=2", "in_port=1", "output:5,output:2"},
		{"two mirrors to two places send two", nil, []Mirror{src("p1"), with(dst("p2"), func(m *Mirror) { m.Name, m.OutputPort = "n", "p4" })}, "actions=2", "in_port=1", "output:5,output:2,output:4"},
		{"a mirror may select what another sends", nil, []Mirror{src("p1"), with(dst("p5"), func(m *Mirror) { m.Name, m.OutputPort = "n", "p4" })}, "actions=2", "in_port=1", "output:5,output:4,output:2"},
		{"but gets the packet itself if it selects that", nil, []Mirror{with(src("p1"), func(m *Mirror) { m.OutputPort, m.OutputVLAN = "", 99 }), with(all, func(m *Mirror) { m.Name = "n" })}, "actions=2", "in_port=1",
			"push_vlan(vid=99,pcp=0),output:1,output:2,output:3,output:4,pop_vlan,output:5,output:2"},
		{"the front of the packet is enough", nil, []Mirror{with(all, func(m *Mirror) { m.Snaplen = 64 })}, "actions=output(port=2,max_len=100)", "in_port=1", "trunc(64),output:5,trunc(100),output:2"},
		{"a cut output is copied as a whole", nil, []Mirror{dst("p2")}, "actions=output(port=2,max_len=100)", "in_port=1", "trunc(100),output:2,output:5"},
		{"one VLAN", nil, []Mirror{with(all, func(m *Mirror) { m.SelectVLANs = []uint16{10} })}, "actions=2", "in_port=1,dl_vlan=10", "output:5,output:2"},
		{"not another", nil, []Mirror{with(all, func(m *Mirror) { m.SelectVLANs = []uint16{10} })}, "actions=2", "in_port=1,dl_vlan=20", "output:2"},
		{"the VLAN of an access port", access, []Mirror{with(src("p1"), func(m *Mirror) { m.SelectVLANs = []uint16{10} })}, "actions=3", "in_port=1", "push_vlan(vid=10,pcp=0),output:5,pop_vlan,output:3"},
		{"the VLAN of the port it leaves by", nil, []Mirror{with(all, func(m *Mirror) { m.SelectVLANs = []uint16{10} })}, "actions=mod_vlan_vid:10,2", "in_port=1", "push_vlan(vid=10,pcp=0),output:2,output:5"},
		{"what the port does not take in is not copied", access, []Mirror{all}, "actions=3", "in_port=1,dl_vlan=7", "output:3,output:5"},
		{"into a VLAN", access, []Mirror{{Name: "m", SelectSrc: []string{"p3"}, OutputVLAN: 10}}, "actions=drop", "in_port=3", "output:1,output:2,push_vlan(vid=10,pcp=0),output:3,output:4,output:5,drop(rule)"},
		{"not what is in it", nil, []Mirror{{Name: "m", SelectAll: true, OutputVLAN: 10}}, "actions=2", "in_port=1,dl_vlan=10", "output:2"},
		{"not what is for the next switch", nil, []Mirror{{Name: "m", SelectAll: true, OutputVLAN: 10}}, "actions=2", "in_port=1,dl_dst=01:80:c2:00:00:00", "output:2"},
		{"a packet back to where it came from goes out there", nil, []Mirror{dst("p1")}, "actions=in_port", "in_port=1", "output:1,output:5"},
		{"an output that does not happen is not copied", protected, []Mirror{dst("p5")}, "actions=5", "in_port=1", "drop(protected)"},
		{"the settings of the mirror's port hold", protected, []Mirror{all}, "actions=2", "in_port=1", "output:2"},
		{"a mirror without its port does nothing", nil, []Mirror{with(all, func(m *Mirror) { m.OutputPort = "p9" })}, "actions=2", "in_port=1", "output:2"},
		{"of an error nothing remains", nil, []Mirror{all}, "actions=2,resubmit(,0)", "in_port=1", "drop(too_deep)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.ports == nil {
				c.ports = trunks(1, 2, 3, 4, 5)
			}
			tb, _ := mirrored(t, c.ports, c.flow, c.mirrors...)
			wantProgram(t, look(t, tb, c.packet), c.want)
		})
	}
}

func TestMirrorsThatCannotBeAreRefused(t *testing.T) {
	tb, _ := mirrored(t, trunks(1, 2), "actions=1", Mirror{Name: "m", SelectAll: true, OutputPort: "p2"})
	many := make([]Mirror, MaxMirrors+1)
	for i := range many {
		many[i] = Mirror{Name: fmt.Sprint(i), OutputVLAN: 1}
	}
	for name, list := range map[string][]Mirror{
		"nowhere":    {{Name: "m"}},
		"two places": {{Name: "m", OutputPort: "p2", OutputVLAN: 5}},
		"no VLAN":    {{Name: "m", OutputVLAN: 4096}},
		"no front":   {{Name: "m", OutputVLAN: 5, Snaplen: 13}},
		"one name":   {{Name: "m", OutputVLAN: 5}, {Name: "m", OutputVLAN: 6}},
		"too many":   many,
	} {
		if err := tb.SetMirrors(list); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if got := tb.Mirrors(); len(got) != 1 || !got[0].Active || got[0].OutputPort != "p2" {
		t.Errorf("got %+v, want the mirror that was there", got)
	}
	if err := tb.SetMirrors(many[:MaxMirrors]); err != nil {
		t.Error(err)
	}
}

func TestMirrorsCountWhatTheySelect(t *testing.T) {
	tb, clock := mirrored(t, trunks(1, 2, 3, 4), "actions=2,3", Mirror{Name: "a", SelectAll: true, OutputPort: "p4"},
		Mirror{Name: "b", SelectDst: []string{"p2"}, OutputPort: "p4"}, Mirror{Name: "c", SelectSrc: []string{"p1"}, SelectVLANs: []uint16{5}, OutputVLAN: 9})
	counts := func() (text string) {
		for _, m := range tb.Mirrors() {
			text += fmt.Sprintf("%s:%d/%d ", m.Name, m.Packets, m.Bytes)
		}
		return strings.TrimSpace(text)
	}
	v := look(t, tb, "in_port=1")
	tb.Credit(v.Trail, 3, 300, clock.now)
	if got, want := counts(), "a:3/300 b:0/0 c:0/0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	tb.Credit(look(t, tb, "in_port=1,dl_vlan=5").Trail, 1, 60, clock.now)
	if got, want := counts(), "a:4/360 b:0/0 c:1/60"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// A mirror of the same name counts on, of another name from zero; what is gone counts no more.
	if err := tb.SetMirrors([]Mirror{{Name: "a", SelectSrc: []string{"p1"}, OutputPort: "p3"}, {Name: "d", OutputVLAN: 7}}); err != nil {
		t.Fatal(err)
	}
	tb.Credit(v.Trail, 1, 100, clock.now)
	if got, want := counts(), "a:5/460 d:0/0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestMirrorsSeeAPacketOnce: one that is taken up again is not copied again.
func TestMirrorsSeeAPacketOnce(t *testing.T) {
	tb, _ := mirrored(t, trunks(1, 2, 3), "mpls,actions=pop_mpls:0x0800,resubmit(,1)\ntable=1,actions=2", Mirror{Name: "m", SelectAll: true, OutputPort: "p3"})
	v := look(t, tb, "in_port=1,mpls,mpls_bos=1")
	words := v.Actions.Words()
	if !strings.HasPrefix(program(v), "output:3,pop_mpls") {
		t.Fatalf("got %s, want a copy first", program(v))
	}
	var id uint32
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpRecirc {
			id = in.Arg
		}
	}
	k := packet(t, "in_port=1,ip")
	k.SetUint(flow.FieldRecircID, uint64(id))
	wantProgram(t, lookQuery(t, tb, &rules.Query{Key: k, Now: tb.clock()}), "output:2")
}

func TestChangesOfMirrorsConcernEveryFlow(t *testing.T) {
	tb, _ := mirrored(t, trunks(1, 2, 3), "actions=2")
	m := Mirror{Name: "m", SelectSrc: []string{"p1"}, OutputPort: "p3"}
	v, key := look(t, tb, "in_port=1"), packet(t, "in_port=1")
	for _, c := range []struct {
		name string
		does func()
		want bool
	}{
		{"a mirror", func() { tb.SetMirrors([]Mirror{m}) }, true},
		{"the same mirror", func() { tb.SetMirrors([]Mirror{m}) }, false},
		{"its port goes", func() { tb.SetPorts(trunks(1, 2)) }, true},
		{"its port comes", func() { tb.SetPorts(trunks(1, 2, 3)) }, true},
		{"the same ports", func() { tb.SetPorts(trunks(1, 2, 3)) }, false},
		{"no mirror", func() { tb.SetMirrors(nil) }, true},
	} {
		since := tb.Changes(0, new(rules.ChangeSet))
		c.does()
		var changes rules.ChangeSet
		tb.Changes(since, &changes)
		if got := concerns(&changes, v, key); got != c.want {
			t.Errorf("%s: concerned: got %v, want %v", c.name, got, c.want)
		}
	}
	wantProgram(t, look(t, tb, "in_port=1"), "output:2")
}

// mirrorScene is random mirrors on ports of several modes, and rules that send packets through them. Of one mirror
// anything; of several only what does not depend on their order, which is OVS's own: no mirror selects what
// another sends. Nor does the order count in which ports are flooded: a mirror selects what goes out by one port at
// most, or everything where all ports are such that what comes in is selected before.
func mirrorScene(g *rand.Rand) (ports []rules.Port, list []Mirror, flows string) {
	modes := []rules.VLAN{
		{}, {}, {Trunks: []uint16{0, 10, 20}}, {Mode: rules.VLANAccess, Tag: 10}, {Mode: rules.VLANNativeUntagged, Tag: 20},
		{Mode: rules.VLANNativeTagged, Tag: 10}, {Mode: rules.VLANAccess, Tag: 99}, {PriorityTags: rules.PriorityTagsAlways},
	}
	for n := range uint32(7) {
		ports = append(ports, rules.Port{
			ID: 101 + n, Number: 1 + n, Name: fmt.Sprintf("p%d", 1+n), VLAN: modes[g.IntN(len(modes))], Protected: g.IntN(8) == 0,
		})
	}
	kind, free := g.IntN(3), ports
	if kind > 0 {
		free = ports[:4]
	}
	snaplen := uint16(0)
	if g.IntN(3) == 0 {
		snaplen = uint16(14 + g.IntN(40))
	}
	some := func() (names []string) {
		for i := range free {
			if g.IntN(4) == 0 {
				names = append(names, ports[i].Name)
			}
		}
		return names
	}
	for i := range [...]int{1, 4, 4}[kind] {
		m := Mirror{Name: fmt.Sprintf("m%d", i), SelectAll: kind == 0 && g.IntN(3) == 0}
		if !m.SelectAll {
			m.SelectSrc = some()
		}
		if !m.SelectAll && kind != 1 {
			m.SelectDst = []string{free[g.IntN(len(free))].Name}
		}
		for i := range ports {
			if m.SelectAll {
				ports[i].VLAN = rules.VLAN{}
			}
		}
		for _, vlan := range []uint16{0, 10, 20, 99} {
			if g.IntN(8) == 0 && !m.SelectAll {
				m.SelectVLANs = append(m.SelectVLANs, vlan)
			}
		}
		if kind != 2 && g.IntN(3) == 0 {
			m.OutputVLAN = []uint16{20, 99}[g.IntN(2)]
		} else {
			m.OutputPort = ports[4+g.IntN(3)].Name
		}
		m.Snaplen = snaplen
		list = append(list, m)
	}
	actions := []string{
		"NORMAL", "NORMAL", "drop", "FLOOD", "ALL", "in_port", "1", "2", "5", "mod_vlan_vid:10", "mod_vlan_vid:20", "strip_vlan", "mod_dl_dst:02:00:00:00:00:aa",
		"resubmit(,1)", "clone(mod_dl_dst:02:00:00:00:00:bb,2)",
	}
	for n := range 7 {
		parts := []string{actions[g.IntN(len(actions))]}
		for g.IntN(2) == 0 && parts[0] != "drop" {
			parts = append(parts, actions[3+g.IntN(len(actions)-3)])
		}
		flows += fmt.Sprintf("in_port=%d,actions=%s\ntable=1,in_port=%[1]d,actions=NORMAL\n", n+1, strings.Join(parts, ","))
	}
	return ports, list, flows
}

// TestMirrorsAndSnoopingSayWhatTheyLookAt: every packet that agrees in the bits consulted gets the same program.
func TestMirrorsAndSnoopingSayWhatTheyLookAt(t *testing.T) {
	for seed := range uint64(60) {
		g := rand.New(rand.NewPCG(seed, 1))
		ports, list, flows := mirrorScene(g)
		s := newSnoopBench(t, Snooping{DropUnregistered: seed%2 == 0}, ports)
		if _, _, err := s.table.ReplaceFlows(nil); err != nil {
			t.Fatal(err)
		}
		add(t, s.table, flows)
		if seed%3 > 0 {
			if err := s.table.SetMirrors(list); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 4 {
			s.send(uint32(1+n), sender(n).Membership(wire.IGMPv2Report, about("239.1.1.1")))
			s.send(uint32(1+n), sender6(n).Membership(wire.MLDReport, about("ff3e::1")))
		}
		s.send(2, sender(2).Membership(wire.IGMPQuery))
		for range 20 {
			h := sender(g.IntN(4))
			if g.IntN(2) == 0 {
				h = sender6(g.IntN(4))
			}
			h.Tag = [...]uint16{0, 10, 20, 99, 0x6000}[g.IntN(5)]
			group := netip.MustParseAddr([]string{"239.1.1.1", "239.1.1.2", "224.0.0.5"}[g.IntN(3)])
			if h.Addr.Is6() {
				group = netip.MustParseAddr([]string{"ff3e::1", "ff3e::2", "ff02::1"}[g.IntN(3)])
			}
			key := flowtest.Key(t, s.pool, 2, uint32(101+g.IntN(7)), data(h, group.String()))
			v := lookQuery(t, s.table, &rules.Query{Key: key, Now: s.clock.now})
			for range 20 {
				other := *key
				for b := range flow.FastBlocks {
					for i := range other[b] {
						if b != flow.Base || i < flow.OffBlocks || i > flow.OffBlocks {
							v1, v2 := byte(g.Uint32()), byte(g.Uint32())
							other[b][i] ^= v1 & v2 &^ v.Mask[b][i]
						}
					}
				}
				other.SetUint(flow.FieldInPort, key.Uint(flow.FieldInPort))
				other.SetUint(flow.FieldRecircID, 0)
				w := lookQuery(t, s.table, &rules.Query{Key: &other, Now: s.clock.now})
				if !slices.Equal(w.Actions.Words(), v.Actions.Words()) {
					t.Fatalf("seed %d: %s\n%s gets %s\n%s gets %s", seed, flows, (&flow.Match{Key: *key, Mask: v.Mask}).String(), program(v), (&flow.Match{Key: other, Mask: v.Mask}).String(), program(w))
				}
			}
		}
	}
}

package openflow

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/lacp"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
)

// An outbox keeps the frames that a table sends.
type outbox struct{ frames []string }

func (o *outbox) Inject(port uint32, packet []byte, program []uint64) error {
	in, _, _ := action.Next(program)
	o.frames = append(o.frames, fmt.Sprintf("%d/%d %x", port-100, in.Arg-100, packet))
	return nil
}

// A bondLab is a table with hosts behind ports 1 and 2, and a bond of ports 3 and 4.
type bondLab struct {
	*testing.T
	*Table
	clock *fakeClock
	ports []rules.Port
	sent  outbox
}

func newBondLab(t *testing.T, c bond.Config, flows string) *bondLab {
	t.Helper()
	l := &bondLab{T: t, ports: trunks(1, 2, 3, 4)}
	for i := range l.ports {
		l.ports[i].Up, l.ports[i].MAC = true, [6]byte{2, 0, 0, 0, 1, byte(i + 1)}
	}
	l.Table, l.clock = newTable(t, Options{}, l.ports, flows)
	l.SetSender(&l.sent)
	l.bond(Bond{Config: c})
	return l
}

// bond makes it the bridge's.
func (l *bondLab) bond(b Bond) {
	l.Helper()
	b.Name, b.Members = "bond0", []bond.Member{{Name: "p3"}, {Name: "p4"}}
	if err := l.SetBonds([]Bond{b}); err != nil {
		l.Fatal(err)
	}
	l.RunBonds(l.clock.now)
}

func (l *bondLab) link(number int, up bool) {
	l.ports = slices.Clone(l.ports)
	l.ports[number-1].Up = up
	l.SetPorts(l.ports)
}

func (l *bondLab) want(packet, program string) {
	l.Helper()
	if got := fmt.Sprint(programOf(l.T, l.Table, packet)); got != program {
		l.Errorf("%s: got %s, want %s", packet, got, program)
	}
}

func programOf(t *testing.T, tb *Table, packet string) string {
	t.Helper()
	return program(live(t, tb, packet))
}

const (
	toAll = "dl_src=02:00:00:00:00:0a,dl_dst=ff:ff:ff:ff:ff:ff"
	fromC = "dl_src=02:00:00:00:00:0c,dl_dst=02:00:00:00:00:0a"
	toC   = "dl_src=02:00:00:00:00:0a,dl_dst=02:00:00:00:00:0c"
)

func TestABondIsOnePortForNORMAL(t *testing.T) {
	l := newBondLab(t, bond.Config{}, "actions=NORMAL")
	l.want("in_port=1,"+toAll, "output:2,output:3")
	l.want("in_port=3,"+fromC, "output:1")
	l.want("in_port=4,"+fromC, "drop(bond_refused)")
	l.want("in_port=1,"+toC, "output:3")
	l.want("in_port=3,"+toC, "drop(no_target)")
	l.link(3, false)
	l.want("in_port=1,"+toC, "output:4") // learned on the bond, not on the port
	l.want("in_port=4,"+fromC, "output:1")
	l.link(4, false)
	l.want("in_port=1,"+toC, "drop(bond_down)")
	id, _ := l.Place("bond0")
	if name, number, ok := l.PlaceName(id); name != "bond0" || number != 3 || !ok {
		t.Errorf("the bond's place: %s, %d, %v", name, number, ok)
	}
	for _, e := range l.Addresses() {
		if e.Key == fdb.MakeKey(0, [6]byte{2, 0, 0, 0, 0, 0xc}) && e.Port != id {
			t.Errorf("%v is on %d, want %d", e.Key, e.Port, id)
		}
	}
}

func TestRulesKnowTheMembersOfABond(t *testing.T) {
	l := newBondLab(t, bond.Config{}, "in_port=4,actions=3\npriority=1,in_port=1,actions=ALL\npriority=0,actions=4")
	l.want("in_port=4", "output:3")
	l.want("in_port=1", "output:2,output:3,output:4")
	l.want("in_port=2", "output:4")
}

func TestABondHasTheSettingsOfAPort(t *testing.T) {
	l := newBondLab(t, bond.Config{}, "actions=NORMAL")
	l.bond(Bond{VLAN: rules.VLAN{Mode: rules.VLANAccess, Tag: 10}, Protected: true})
	l.want("in_port=1,dl_vlan=10,"+toAll, "output:2,pop_vlan,output:3")
	l.want("in_port=1,"+toAll, "output:2")
	l.want("in_port=3,dl_vlan=10", "drop(vlan_not_allowed)")
	l.ports[1].Protected = true
	l.SetPorts(slices.Clone(l.ports))
	l.want("in_port=2,dl_vlan=10,dl_src=02:00:00:00:00:0d,dl_dst=ff:ff:ff:ff:ff:ff", "output:1")
	l.want("in_port=3,dl_src=02:00:00:00:00:0e,dl_dst=ff:ff:ff:ff:ff:ff", "push_vlan(vid=10,pcp=0),output:1")
	l.ports[3].Flags = rules.NoFlood // of a member
	l.SetPorts(slices.Clone(l.ports))
	l.want("in_port=1,dl_vlan=10,"+toAll, "output:2")
}

func TestMirrorsSeeABondAsOnePort(t *testing.T) {
	l := newBondLab(t, bond.Config{}, "in_port=1,actions=4\npriority=0,actions=NORMAL")
	if err := l.SetMirrors([]Mirror{{Name: "m", SelectSrc: []string{"bond0"}, SelectDst: []string{"bond0"}, OutputPort: "p2"}}); err != nil {
		t.Fatal(err)
	}
	l.want("in_port=3,"+fromC, "output:2,output:1")
	l.want("in_port=4,"+fromC, "output:2,drop(bond_refused)")
	l.want("in_port=1", "output:4,output:2")
	if err := l.SetMirrors([]Mirror{{Name: "m", SelectSrc: []string{"p2"}, OutputPort: "bond0"}}); err != nil {
		t.Fatal(err)
	}
	l.want("in_port=2,"+fromB, "output:3,output:1")
	l.want("in_port=4,"+fromC, "drop(mirror_port)")
}

func TestSLBSendsEachSourceByOneMember(t *testing.T) {
	l := newBondLab(t, bond.Config{Mode: bond.BalanceSLB}, "actions=NORMAL")
	by := make(map[string]int)
	four := ""
	for i := range 64 {
		src := fmt.Sprintf("in_port=1,dl_src=02:00:00:00:01:%02x,dl_dst=02:00:00:00:00:0c", i)
		p := programOf(t, l.Table, src)
		by[p]++
		if p == "output:2,output:4" {
			four = src
		}
	}
	if by["output:2,output:3"] < 16 || by["output:2,output:4"] < 16 || len(by) != 2 {
		t.Fatalf("ways: %v", by)
	}
	// When a member fails only what it carried is looked up again.
	v4 := look(t, l.Table, four)
	since := l.Changes(0, new(rules.ChangeSet))
	l.link(4, false)
	var c rules.ChangeSet
	l.Changes(since, &c)
	if !concerned(&c, packet(t, four), v4) {
		t.Error("a flow by the member that failed is not looked up again")
	}
	l.want(four, "output:2,output:3")
	since = l.Changes(0, new(rules.ChangeSet))
	l.clock.now += second
	if l.RunBonds(l.clock.now); l.Changes(since, new(rules.ChangeSet)) != since {
		t.Error("a bond that nothing happens to changes something")
	}
}

func TestSLBCountsWhatGoesOutAndMovesIt(t *testing.T) {
	l := newBondLab(t, bond.Config{Mode: bond.BalanceSLB, Rebalance: 10 * second}, "actions=NORMAL")
	var flows []string
	for i := range 40 {
		p := fmt.Sprintf("in_port=1,dl_src=02:00:00:00:01:%02x,dl_dst=02:00:00:00:00:0c", i)
		if v := live(t, l.Table, p); program(v) == "output:2,output:3" {
			flows = append(flows, p)
			l.Credit(v.Trail, 1000, 1e6, l.clock.now)
		}
	}
	l.clock.now += 11 * second
	if !l.RunBonds(l.clock.now) {
		t.Error("nothing moves")
	}
	moved := 0
	for _, p := range flows {
		if programOf(t, l.Table, p) == "output:2,output:4" {
			moved++
		}
	}
	if moved < len(flows)/3 || moved > 2*len(flows)/3 {
		t.Errorf("%d of %d flows moved", moved, len(flows))
	}
}

const garp = "arp,dl_src=02:00:00:00:00:0a,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.1"

func TestSLBDropsWhatItHasSentItself(t *testing.T) {
	l := newBondLab(t, bond.Config{Mode: bond.BalanceSLB}, "actions=NORMAL")
	v := live(t, l.Table, "in_port=4,"+fromA)
	wantProgram(t, v, "output:1,output:2") // nobody knows where A is
	l.want("in_port=4,"+toAll, "drop(bond_refused)")
	k := packet(t, "in_port=4,"+fromA)
	since := l.Changes(0, new(rules.ChangeSet))
	live(t, l.Table, "in_port=1,"+fromA)
	var c rules.ChangeSet
	l.Changes(since, &c)
	if !concerned(&c, k, v) {
		t.Error("a flow from an address that is elsewhere now is not looked up again")
	}
	l.want("in_port=4,"+fromA, "drop(bond_looped)")
	l.want("in_port=3,"+toAll, "drop(bond_looped)")
	l.want("in_port=3,"+garp, "output:1,output:2") // it has moved there
	l.want("in_port=3,"+fromA, "output:1,output:2")
}

func TestWhoAnnouncesHimselfAtAPortIsNotMovedByEchoes(t *testing.T) {
	l := newBondLab(t, bond.Config{Mode: bond.BalanceSLB}, "actions=NORMAL")
	l.want("in_port=1,"+garp, programOf(t, l.Table, "in_port=1,"+garp))
	v := live(t, l.Table, "in_port=3,"+garp)
	wantProgram(t, v, "drop(bond_looped)")
	if !v.NoCache {
		t.Error("what depends on the time is cached")
	}
	l.clock.now += 5 * second
	l.want("in_port=3,"+garp, "output:1,output:2")
	// By active-backup the packet passes, and teaches nothing.
	l.bond(Bond{})
	l.want("in_port=1,"+garp, "output:2,output:3")
	l.want("in_port=3,"+garp, "output:1,output:2")
	l.want("in_port=2,"+fromB, "output:1")
}

func TestTheNewActiveMemberSaysWhoIsHere(t *testing.T) {
	l := newBondLab(t, bond.Config{}, "actions=NORMAL")
	live(t, l.Table, "in_port=1,"+fromA)
	live(t, l.Table, "in_port=2,dl_vlan=7,"+fromB)
	live(t, l.Table, "in_port=3,"+fromC)
	l.sent.frames = nil
	l.link(3, false)
	l.RunBonds(l.clock.now)
	frame := func(mac, tag string) string {
		f := "ffffffffffff" + mac + tag + "8035" + "0001080006040003" + mac + "00000000" + mac
		return "4/4 " + f + strings.Repeat("0", 120+len(tag)-len(f))
	}
	want := []string{frame("02000000000a", ""), frame("02000000000b", "81000007")}
	slices.Sort(l.sent.frames)
	if !slices.Equal(l.sent.frames, want) {
		t.Errorf("got  %s\nwant %s", l.sent.frames, want)
	}
	if _, err := hex.DecodeString(want[0][4:]); err != nil || len(want[0]) != 124 {
		t.Error("the test's frame is none")
	}
}

// negotiate has a partner answer LACP on both members, and returns a function that hears it again.
func (l *bondLab) negotiate() {
	l.Helper()
	for n := uint32(3); n <= 4; n++ {
		p := lacp.PDU{
			Actor:   lacp.Info{System: [6]byte{2, 9, 9, 9, 9, 9}, Key: 1, Port: uint16(n), State: lacp.Activity | lacp.Aggregation | lacp.Sync},
			Partner: lacp.Info{System: [6]byte{2, 0, 0, 0, 1, 3}},
		}
		pkt := p.Append([]byte{1, 0x80, 0xc2, 0, 0, 2, 2, 9, 9, 9, 9, byte(n), 0x88, 0x09})
		v := lookQuery(l.T, l.Table, &rules.Query{
			Key: packet(l, fmt.Sprintf("in_port=%d,dl_dst=01:80:c2:00:00:02,dl_type=0x8809", n)), Packet: pkt, Size: len(pkt), Now: l.clock.now, Live: true,
		})
		if program(v) != "drop(to_bond)" || !v.NoCache {
			l.Errorf("LACP on port %d: %s, cached %v", n, program(v), !v.NoCache)
		}
	}
}

func TestBalanceTCPWantsAPartnerAndAHash(t *testing.T) {
	l := newBondLab(t, bond.Config{Mode: bond.BalanceTCP, LACP: bond.LACPActive, HashBasis: 5}, "actions=NORMAL")
	l.want("in_port=1,"+toAll, "output:2")
	l.want("in_port=3,"+fromC, "drop(bond_refused)")
	if len(l.sent.frames) != 2 || !strings.HasPrefix(l.sent.frames[0], "3/3 0180c2000002020000000103880901") {
		t.Errorf("LACP sent %s", l.sent.frames)
	}
	l.negotiate()
	if len(l.sent.frames) < 4 {
		t.Errorf("who was heard is not answered: %s", l.sent.frames)
	}
	v := live(t, l.Table, "in_port=1,"+toAll)
	got := program(v)
	id := recircOf(v.Actions.Words())
	if id == 0 || !strings.Contains(got, "hash") {
		t.Fatalf("no hash and recirculation in %s", got)
	}
	ways := make(map[string]int)
	for hash := range 256 {
		second := live(t, l.Table, fmt.Sprintf("in_port=1,recirc_id=%d,dp_hash=%d,%s", id, hash+1<<16, toAll))
		ways[program(second)]++
	}
	if len(ways) != 2 || ways["output:3"] != 128 {
		t.Errorf("ways: %v", ways)
	}
	// A packet by any member is let in, also to all.
	l.want("in_port=4,dl_src=02:00:00:00:00:0c,dl_dst=ff:ff:ff:ff:ff:ff", "output:1,output:2")
	l.clock.now += 100 * second // nobody is heard
	l.RunBonds(l.clock.now)
	l.clock.now += 4 * second
	l.RunBonds(l.clock.now)
	l.want("in_port=1,"+toC, "drop(bond_down)")
	if got := programOf(t, l.Table, fmt.Sprintf("in_port=1,recirc_id=%d,dp_hash=7,%s", id, toAll)); got != "drop(bond_down)" {
		t.Errorf("a packet on its way: %s", got)
	}
}

// recircOf returns the first recirculation id of a program, those of clones included.
func recircOf(words []uint64) uint32 {
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpRecirc {
			return in.Arg
		}
	}
	return 0
}

func TestBondsComeAndGoWithTheirPorts(t *testing.T) {
	l := newBondLab(t, bond.Config{}, "actions=NORMAL")
	live(t, l.Table, "in_port=3,"+fromC)
	if err := l.SetBonds(nil); err != nil {
		t.Fatal(err)
	}
	if n := len(l.Addresses()); n != 0 {
		t.Errorf("%d addresses are left of a bond that is gone", n)
	}
	l.want("in_port=1,"+toAll, "output:2,output:3,output:4")
	live(t, l.Table, "in_port=4,"+fromC)
	l.bond(Bond{})
	if n := len(l.Addresses()); n != 1 {
		t.Errorf("%d addresses, want that of port 1: a member has none of its own", n)
	}
	l.SetPorts(l.ports[:2])
	l.want("in_port=1,"+toAll, "output:2")
	l.SetPorts(l.ports)
	l.want("in_port=1,"+toAll, "output:2,output:3")
	if err := l.SetBonds([]Bond{{Config: bond.Config{Name: "a", Members: []bond.Member{{Name: "p3"}}}}, {Config: bond.Config{Name: "b", Members: []bond.Member{{Name: "p3"}}}}}); err == nil {
		t.Error("a port in two bonds is taken")
	}
	if err := l.SetActiveMember("bond0", "p4"); err != nil {
		t.Error(err)
	}
	l.want("in_port=1,"+toAll, "output:2,output:4")
	if err := l.EnableMember("bond0", "p4", false); err != nil {
		t.Error(err)
	}
	l.want("in_port=1,"+toAll, "output:2,output:3")
	if l.SetActiveMember("bond9", "p4") == nil || l.EnableMember("bond0", "p9", true) == nil {
		t.Error("what is not there is taken")
	}
	if s := l.Bonds(); len(s) != 1 || s[0].Active != "p3" || !s[0].Members[1].Held {
		t.Errorf("state: %+v", s)
	}
}

//go:build integration

package openflow

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/lacp"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/flowcache/flow/flowtest"
	"github.com/culvertdev/culvert/ring/frame"
)

// bondBridge makes a bridge with hosts behind ports 1 and 2 and a bond of ports 3 and 4. settings are columns of its Port.
func (o *oracle) bondBridge(name string, settings ...string) {
	o.t.Helper()
	o.bridge(name, trunks(1, 2), "actions=NORMAL")
	members := []string{o.port(name, 3), o.port(name, 4)}
	args := append([]string{"add-bond", name, "bond_" + name}, members...)
	args = append(args, settings...)
	for i, m := range members {
		args = append(args, "--", "set", "Interface", m, "type=dummy", fmt.Sprintf("ofport_request=%d", i+3))
	}
	o.run("ovs-vsctl", args...)
}

// bondScenes are bonds by the settings of both.
var bondScenes = []struct {
	name string
	cfg  bond.Config
	ovs  []string
}{
	{"active-backup", bond.Config{}, []string{"bond_mode=active-backup"}},
	{"active-backup, all members active", bond.Config{AllMembersActive: true}, []string{"bond_mode=active-backup", "other_config:all-members-active=true"}},
	{"balance-slb", bond.Config{Mode: bond.BalanceSLB}, []string{"bond_mode=balance-slb"}},
	{"balance-slb, all members active", bond.Config{Mode: bond.BalanceSLB, AllMembersActive: true}, []string{"bond_mode=balance-slb", "other_config:all-members-active=true"}},
	{"no partner", bond.Config{Mode: bond.BalanceSLB, LACP: bond.LACPPassive}, []string{"bond_mode=balance-slb", "lacp=passive"}},
	{"no partner, fallback", bond.Config{Mode: bond.BalanceSLB, LACP: bond.LACPPassive, FallbackAB: true},
		[]string{"bond_mode=balance-slb", "lacp=passive", "other_config:lacp-fallback-ab=true"}},
	{"no partner, fallback of balance-tcp", bond.Config{Mode: bond.BalanceTCP, LACP: bond.LACPPassive, FallbackAB: true},
		[]string{"bond_mode=balance-tcp", "lacp=passive", "other_config:lacp-fallback-ab=true"}},
}

// bondFrame returns a packet of a few hosts, some of them announcements.
func bondFrame(g *rand.Rand) []byte {
	src, dst := byte(g.IntN(4)), byte(g.IntN(4))
	pkt := make([]byte, 60)
	copy(pkt, []byte{2, 0, 0, 0, 0, 10 + dst, 2, 0, 0, 0, 0, 10 + src, 0x88, 0xb5})
	if g.IntN(3) == 0 {
		copy(pkt, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		if g.IntN(3) > 0 { // ARP: an announcement, a reply to all, a question
			op, target := byte(1+g.IntN(2)), src+byte(g.IntN(2))
			copy(pkt[12:], []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, op, 2, 0, 0, 0, 0, 10 + src, 10, 0, 0, src, 0, 0, 0, 0, 0, 0, 10, 0, 0, target})
		}
	}
	if g.IntN(4) == 0 {
		pkt = pushFrame(pkt, tpid8021Q, 5)
	}
	return pkt
}

// TestOpenVSwitchBondsTheSame: packets by the members of a bond and to it are let in, learned and sent as OVS does. Which
// member a hash says is each one's own.
func TestOpenVSwitchBondsTheSame(t *testing.T) {
	o := newOracle(t)
	pool, err := frame.NewPool(frame.Options{Buffers: 1024})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	compared := 0
	for i, c := range bondScenes {
		bridge := fmt.Sprintf("b%d", i)
		o.bondBridge(bridge, c.ovs...)
		l := newBondLab(t, c.cfg, "actions=NORMAL")
		local := rules.Port{ID: 100 + PortLocal, Number: PortLocal, Name: "local"} // which OVS's bridge has anyway
		l.SetPorts(append(slices.Clone(l.ports), local))
		settle(t, o, l, bridge)
		o.run("ovs-appctl", "time/stop") // lest locks end while we wait for a CPU
		g := rand.New(rand.NewPCG(uint64(i), 0))
		for step := range 120 {
			if g.IntN(30) == 0 {
				o.run("ovs-appctl", "time/warp", "6000")
				l.clock.now += 6 * second
			}
			port, pkt := uint32(1+g.IntN(4)), bondFrame(g)
			want, actions := o.sendsAll(bridge, port, pkt)
			v := lookQuery(t, l.Table, &rules.Query{
				Key: flowtest.Key(t, pool, 1, port+100, pkt), Packet: pkt, Size: len(pkt), Now: l.clock.now, Live: true,
			})
			got := sentFrames(v.Actions.Words(), pkt)
			if c.cfg.Mode == bond.BalanceSLB {
				anyMember(got)
				anyMember(want)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%s, step %d, port %d, frame %x\nours %s\nOVS  %s", c.name, step, port, pkt, program(v), actions)
			}
			compared += len(want)
		}
		o.run("ovs-vsctl", "--no-wait", "del-br", bridge)
		o.run("ovs-appctl", "time/warp", "1000")
	}
	if compared < 500 {
		t.Errorf("only %d frames compared", compared)
	}
	t.Logf("%d frames compared", compared)
}

// settle waits until both bonds stand, with the first member active where one is.
func settle(t *testing.T, o *oracle, l *bondLab, bridge string) {
	t.Helper()
	s := l.Bonds()[0]
	if s.Active == "" {
		return
	}
	first := o.port(bridge, 3)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		show := o.run("ovs-appctl", "bond/show", "bond_"+bridge)
		if strings.Count(show, ": enabled") == 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("members are not enabled within 20 s:\n%s", show)
		}
	}
	o.run("ovs-appctl", "bond/set-active-member", "bond_"+bridge, first)
	if s.Active != "p3" {
		t.Fatalf("ours has %s for its active member", s.Active)
	}
}

// anyMember makes what is sent by either member the same.
func anyMember(list []string) {
	for i, s := range list {
		if port, frame, _ := strings.Cut(s, " "); port == "3" || port == "4" {
			list[i] = "bond " + frame
		}
	}
}

// A cable joins a port of ours to a dummy device of OVS, which speaks frames behind their length over a Unix socket.
type cable struct {
	net.Conn
	mu  sync.Mutex
	cut bool
}

func (c *cable) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// A patchPanel sends what a table sends down the cables.
type patchPanel struct{ cables map[uint32]*cable }

func (p *patchPanel) Inject(_ uint32, packet []byte, program []uint64) error {
	in, _, _ := action.Next(program)
	c := p.cables[in.Arg]
	if c == nil || c.broken() {
		return rules.ErrBusy
	}
	_, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...))
	return err
}

// TestOpenVSwitchAgreesByLACP: a bond of ours and one of OVS find each other, and both leave a member that falls silent.
func TestOpenVSwitchAgreesByLACP(t *testing.T) {
	o := newOracle(t)
	o.bondBridge("lacp", "bond_mode=balance-tcp", "lacp=active", "other_config:lacp-time=fast")
	l := newBondLab(t, bond.Config{Mode: bond.BalanceTCP, LACP: bond.LACPPassive, Fast: true}, "actions=NORMAL")
	panel := &patchPanel{cables: make(map[uint32]*cable)}
	pool, err := frame.NewPool(frame.Options{Buffers: 1024})
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	var mu sync.Mutex // over the clock, and l while we read
	t.Cleanup(func() {
		for _, c := range panel.cables {
			c.Close()
		}
		reading.Wait()
		pool.Close()
	})
	for n := uint32(3); n <= 4; n++ {
		path := filepath.Join(o.dir, fmt.Sprintf("p%d.sock", n))
		o.run("ovs-vsctl", "set", "Interface", o.port("lacp", n), "options:pstream=punix:"+path)
		o.wait(path)
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		panel.cables[100+n] = &cable{Conn: conn}
	}
	mu.Lock()
	l.SetSender(panel)
	began := time.Now()
	for id, c := range panel.cables {
		reading.Go(func() {
			for {
				pkt := readFrame(c)
				if pkt == nil {
					return
				}
				mu.Lock()
				l.clock.now = 1000*second + int64(time.Since(began))
				if !c.broken() {
					lookQuery(t, l.Table, &rules.Query{Key: flowtest.Key(t, pool, 1, id, pkt), Packet: pkt, Size: len(pkt), Now: l.clock.now, Live: true})
				}
				mu.Unlock()
			}
		})
	}
	mu.Unlock()
	// until runs both sides until the number of members that each has enabled is n.
	until := func(n int) bond.State {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			mu.Lock()
			l.clock.now = 1000*second + int64(time.Since(began))
			l.RunBonds(l.clock.now)
			s := l.Bonds()[0]
			mu.Unlock()
			ours := 0
			for _, m := range s.Members {
				if m.Enabled {
					ours++
				}
			}
			theirs := o.run("ovs-appctl", "bond/show", "bond_lacp")
			if ours == n && strings.Count(theirs, ": enabled") == n && strings.Contains(theirs, "lacp_status: negotiated") && s.Status == bond.LACPNegotiated {
				return s
			}
			if time.Now().After(end) {
				t.Fatalf("want %d members on both sides, found after 30 s\n%+v\n%s\n%s", n, s, theirs, o.run("ovs-appctl", "lacp/show"))
			}
		}
	}
	s := until(2)
	const agreed = lacp.Activity | lacp.Timeout | lacp.Aggregation | lacp.Sync | lacp.Collecting | lacp.Distributing
	if m := s.Members[0].LACP; m.Status != "current" || m.Partner.State&agreed != agreed {
		t.Errorf("of OVS we know %s: %s", m.Status, m.Partner.State)
	}
	c := panel.cables[104]
	c.mu.Lock()
	c.cut = true
	c.mu.Unlock()
	until(1)
	c.mu.Lock()
	c.cut = false
	c.mu.Unlock()
	until(2)
}

// readFrame returns the next frame of a cable, nil at its end.
func readFrame(r io.Reader) []byte {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil
	}
	pkt := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(r, pkt); err != nil {
		return nil
	}
	return pkt
}

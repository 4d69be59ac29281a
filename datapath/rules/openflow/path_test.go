package openflow

import (
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// sides asks a table about a packet that waits, by a translation and then by whatever path there is.
func sides(tb testing.TB, t *Table, k *flow.Key) (translated, followed rules.Verdict) {
	tb.Helper()
	q := rules.Query{Key: k, Live: true, Now: 1}
	t.paths.mu.Lock()
	err := t.Lookup(&q, &translated)
	t.paths.mu.Unlock()
	if err != nil {
		tb.Fatal(err)
	}
	if err := t.Lookup(&q, &followed); err != nil {
		tb.Fatal(err)
	}
	return translated, followed
}

func sameVerdict(a, b *rules.Verdict) bool {
	return a.Mask == b.Mask && a.Tags == b.Tags && a.Rewrote == b.Rewrote && a.NoCache == b.NoCache &&
		slices.Equal(a.Actions.Words(), b.Actions.Words()) && slices.Equal(a.Trail, b.Trail)
}

// mirrors are two random ones, which look at packets before any rule does.
func (g *generator) mirrors() []Mirror {
	vlans := func() []uint16 { return pick(g, nil, []uint16{5}, []uint16{0, 7}) }
	return []Mirror{
		{Name: "a", SelectSrc: []string{pick(g, "p1", "p2")}, SelectVLANs: vlans(), OutputPort: pick(g, "p4", "p5")},
		{Name: "b", SelectAll: true, SelectVLANs: vlans(), OutputVLAN: pick[uint16](g, 5, 7)},
	}
}

// simple are random actions most of which a path can have.
func (g *generator) simple(table uint8) (list []Action) {
	for range g.IntN(4) {
		switch g.IntN(8) {
		case 0:
			list = append(list, &Move{
				Src: part(g, pick(g, flow.FieldTCPSrc, flow.FieldIPSrc, flow.FieldVLANTCI, flow.FieldEthSrc, flow.FieldReg0, flow.FieldIPTTL)),
				Dst: part(g, pick(g, flow.FieldReg0, flow.FieldReg0+5, flow.FieldMetadata, flow.FieldIPDst)),
			})
		case 1:
			list = append(list, &DecTTL{})
		case 2:
			list = append(list, &PopVLAN{})
		case 3:
			list = append(list, &PushVLAN{TPID: 0x8100})
		case 4, 5:
			f := pick(g, settable...)
			if f.Info().Size <= 8 {
				a := loadOf(whole(f), &[16]byte{15: byte(g.value(f)), 14: byte(g.value(f) >> 8)})
				list = append(list, &a)
			}
		case 6:
			list = append(list, &Output{Port: pick[uint32](g, 1, 2, 3, PortInPort, PortFlood)})
		default:
			list = append(list, g.action())
		}
	}
	if table < 3 {
		list = append(list, &Resubmit{Port: pick[uint32](g, PortInPort, PortInPort, 2), Table: table + 1})
	}
	return append(list, &Output{Port: pick[uint32](g, 1, 2, 3)})
}

// part returns the lowest 8 bits of a field.
func part(g *generator, f flow.FieldID) flow.Subfield {
	return flow.Subfield{Field: f, Off: uint16(g.IntN(2) * 8 % int(f.Info().Bits)), Bits: 8}
}

func TestWhoFollowsAPathGetsTheVerdictOfATranslation(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 20
	}
	compared, followed := 0, 0
	for seed := range seeds {
		g := newGenerator(uint64(seed))
		table, _ := newTable(t, Options{Seed: uint64(seed) + 1}, g.twin().ports, "")
		if g.IntN(2) == 0 {
			if err := table.SetMirrors(g.mirrors()); err != nil {
				t.Fatal(err)
			}
		}
		for priority := range 40 {
			f := g.flow(uint16(priority))
			f.Table = uint8(g.IntN(4))
			if g.IntN(4) > 0 {
				f.Actions = g.simple(f.Table)
			}
			_ = table.AddFlows([]Flow{f}) // some are refused: fields that rules cannot have
		}
		for i := range 400 {
			if i == 200 {
				f := g.flow(50)
				_ = table.AddFlows([]Flow{f}) // paths are of other rules now
			}
			k := g.key()
			before := table.log.now()
			a, b := sides(t, table, &k)
			if table.log.now() != before {
				continue // the first look-up has taught the table something
			}
			compared++
			if table.paths.at.q != nil && table.paths.at.q.Key == &k {
				followed++
			}
			if !sameVerdict(&a, &b) {
				t.Fatalf("seed %d, packet %d:\ntranslated %s %s %x %x %x\nfollowed   %s %s %x %x %x", seed, i,
					program(&a), consulted(&a), a.Trail, a.Tags, a.Rewrote, program(&b), consulted(&b), b.Trail, b.Tags, b.Rewrote)
			}
		}
	}
	t.Logf("%d of %d verdicts by a path", followed, compared)
	if followed < compared/10 {
		t.Error("hardly any paths were followed: this tests nothing")
	}
}

func TestPathsEndWhereActionsLookAtMore(t *testing.T) {
	for _, c := range []struct {
		name, flows string
		follows     bool
	}{
		{"registers from the packet are matched", "udp,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],resubmit(,1)\ntable=1,reg0=7,actions=drop\ntable=1,priority=1,actions=output:2", true},
		{"they are an output", "udp,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],output:NXM_NX_REG0[]", false},
		{"they go into the packet", "udp,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],move:NXM_NX_REG0[0..15]->NXM_OF_UDP_DST[],output:2", false},
		{"they are moved on", "udp,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],move:NXM_NX_REG0[]->NXM_NX_REG1[],resubmit(,1)\ntable=1,actions=output:2", false},
		{"addresses are learned", "actions=NORMAL", false},
		{"a packet for a controller", "actions=controller", false},
		{"rewritten by rules alone", "udp,actions=dec_ttl,mod_dl_dst:02:00:00:00:00:09,output:2", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, _ := newTable(t, Options{}, trunks(1, 2, 3), c.flows)
			for i := range 20 {
				k := packet(t, "in_port=1,udp,nw_ttl=64,tp_src=1,tp_dst=2,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02")
				k.SetUint(flow.FieldUDPSrc, uint64(i))
				sides(t, table, k) // what it teaches, it has taught then
				a, b := sides(t, table, k)
				if !sameVerdict(&a, &b) {
					t.Fatalf("packet %d: %s, %s; by a path %s, %s", i, program(&a), consulted(&a), program(&b), consulted(&b))
				}
			}
			k := packet(t, "in_port=1,udp,nw_ttl=64,tp_src=99,tp_dst=2")
			q := rules.Query{Key: k, Live: true, Now: 1}
			var v rules.Verdict
			table.paths.current(table)
			if ok, _ := table.paths.follow(table, &q, &v); ok != c.follows {
				t.Errorf("a packet of a new flow follows a path: %v, want %v", ok, c.follows)
			}
		})
	}
}

func TestPathsAreBounded(t *testing.T) {
	table, clock := newTable(t, Options{}, trunks(1, 2), "udp,actions=dec_ttl,output:2")
	for i := range 10_000 {
		k := packet(t, "in_port=1,udp,nw_ttl=64")
		k.SetUint(flow.FieldIPTTL, uint64(2+i%250)) // a guard each
		var v rules.Verdict
		if err := table.Lookup(&rules.Query{Key: k, Live: true, Now: clock.now}, &v); err != nil {
			t.Fatal(err)
		}
	}
	if n := table.paths.n; n > maxPaths {
		t.Errorf("%d paths were written down in a second, want at most %d", n, maxPaths)
	}
	forks := 0
	for _, s := range table.paths.first[uint32(101)].next {
		for ; s != nil; s = s.alt {
			forks++
		}
	}
	if forks != maxForks {
		t.Errorf("%d stretches behind one rule, want %d", forks, maxForks)
	}
}

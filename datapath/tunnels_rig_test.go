package datapath

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// rigTunnel is the rig's port that is a tunnel.
const rigTunnel = 3

// noQueues is the device of a port that is a tunnel.
type noQueues struct{}

func (noQueues) Info() pmd.Info                                { return pmd.Info{Name: "tunnel", NUMA: -1} }
func (noQueues) RxQueues() []pmd.RxQueue                       { return nil }
func (noQueues) TxQueues() []pmd.TxQueue                       { return nil }
func (noQueues) LinkUp() bool                                  { return true }
func (noQueues) Done() <-chan struct{}                         { return nil }
func (noQueues) Err() error                                    { return nil }
func (noQueues) Samples(dst []counter.Sample) []counter.Sample { return dst }
func (noQueues) Close() error                                  { return nil }

// rigStacks are header stacks of several types, sizes and ways to be completed.
func rigStacks(tb testing.TB) map[string][]uint64 {
	v4 := encap.Outer{Type: encap.VXLAN, Src: netip.MustParseAddr("192.0.2.2"), Dst: netip.MustParseAddr("192.0.2.1"), TTL: 64, DontFragment: true, Key: 7}
	sum, fragments := v4, v4
	sum.Checksum, fragments.DontFragment = true, false
	bare := v4
	bare.Type = encap.Geneve
	geneve := v4
	geneve.Type, geneve.VLAN, geneve.InheritTOS = encap.Geneve, 5, true
	geneve.Src, geneve.Dst, geneve.DontFragment = netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8::1"), false
	geneve.Options = []byte{1, 2, 3, 1, 4, 5, 6, 7}
	gre := v4
	gre.Type, gre.HasKey, gre.Sequence, gre.Checksum = encap.GRE, true, true, true
	nvgre, erspan := v4, v4
	nvgre.Type, erspan.Type, erspan.ERSPAN = encap.NVGRE, encap.ERSPAN, encap.Span{Version: 2}
	all := make(map[string][]uint64)
	for name, o := range map[string]encap.Outer{
		"vxlan": v4, "vxlan-checksum": sum, "vxlan-fragments": fragments, "geneve": bare, "geneve-ipv6": geneve, "gre": gre, "nvgre": nvgre, "erspan": erspan,
	} {
		words, err := encap.AppendStack(nil, &o)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		all[name] = words
	}
	return all
}

// intoTunnel sends packets from port 1 to port 2 through a tunnel, those that have come out of it as they are; every
// IPv4 source is a flow of its own.
type intoTunnel struct {
	byPort
	stack []uint64
}

func (t *intoTunnel) Lookup(q *rules.Query, v *rules.Verdict) error {
	v.Mask.SetExact(flow.FieldIPSrc)
	if q.Key.Uint(flow.FieldInPort) == 1 && t.stack != nil {
		v.Actions.Push(&action.Header{Tunnel: rigTunnel, Longest: 1464, Stack: t.stack})
	}
	v.Actions.Output(2)
	return nil
}

// wrapped returns packet as it is in a tunnel.
func wrapped(tb testing.TB, r *rig, stack []uint64, packet []byte) []byte {
	tb.Helper()
	f, ok := r.gen.FromBytes(packet)
	if !ok {
		tb.Fatal("arena exhausted")
	}
	u := encap.Pusher{Pool: r.gen.Pool(), Counters: new(encap.Counters)}
	frames := []frame.Frame{f}
	if left := u.Push(stack, frames, []uint16{14}, []uint16{34}); left != 0 {
		tb.Fatal("no room for a header stack")
	}
	pkt := r.gen.Pool().AppendTo(nil, frames[0])
	r.gen.Put(frames[0])
	return pkt
}

// tunnelled makes port 1 of the rig an underlay port, with tunnels of all types that rigStacks has.
func (r *rig) tunnelled(tb testing.TB) {
	tb.Helper()
	addresses := []encap.Address{{Addr: netip.MustParseAddr("192.0.2.1")}, {Addr: netip.MustParseAddr("2001:db8::1"), VLAN: 5}}
	tunnels, err := encap.NewTunnels(addresses, []encap.Tunnel{
		{Port: rigTunnel, Type: encap.VXLAN, AnyKey: true}, {Port: rigTunnel, Type: encap.GRE, AnyKey: true},
		{Port: rigTunnel, Type: encap.Geneve, AnyKey: true, ZeroChecksum6: true},
		{Port: rigTunnel, Type: encap.NVGRE, Key: 7}, {Port: rigTunnel, Type: encap.ERSPAN, AnyKey: true},
	})
	if err != nil {
		tb.Fatal(err)
	}
	r.w.setTunnels(r.w.port(1), tunnels)
}

// popped returns how many packets have come out of the tunnel.
func (r *rig) popped() uint64 {
	c := r.w.port(rigTunnel).tunnel
	c.Publish()
	return c.Value(tunnelRxPackets)
}

func TestTunnelsAllocateNothing(t *testing.T) {
	for name := range rigStacks(t) {
		t.Run("into "+name, func(t *testing.T) {
			r := newRig(t, &intoTunnel{stack: rigStacks(t)[name]}, 1)
			r.warm(testPacket, 8)
			sent := r.out.sent
			if n := testing.AllocsPerRun(100, func() { r.cycle(testPacket, 8) }); n != 0 {
				t.Errorf("a poll cycle makes %v allocations, want none", n)
			}
			if got := r.out.sent - sent; got != 101*frame.MaxBatch {
				t.Errorf("%d packets left, want %d", got, 101*frame.MaxBatch)
			}
		})
		t.Run("out of "+name, func(t *testing.T) {
			r := newRig(t, new(intoTunnel), 1)
			r.tunnelled(t)
			packet := wrapped(t, r, rigStacks(t)[name], testPacket)
			r.flowAt = -1 // checksums cover it
			r.warm(packet, 1)
			popped := r.popped()
			if n := testing.AllocsPerRun(100, func() { r.cycle(packet, 1) }); n != 0 {
				t.Errorf("a poll cycle makes %v allocations, want none", n)
			}
			if got := r.popped() - popped; got != 101*frame.MaxBatch {
				t.Errorf("%d packets came out of the tunnel, want %d", got, 101*frame.MaxBatch)
			}
		})
	}
}

// BenchmarkTunnel is BenchmarkSwitch with the same packets of 60 bytes of 1024 flows forwarded as they are, put into a
// tunnel, and taken out of one: the differences to forward are what a tunnel costs, in time and in cycles of the time stamp
// counter.
func BenchmarkTunnel(b *testing.B) {
	run := func(name string, stack []uint64, pop bool) {
		b.Run(name, func(b *testing.B) {
			table := &intoTunnel{stack: stack}
			if pop {
				table.stack = nil
			}
			r := newRig(b, table, 1)
			r.w.port(1).partial = false
			packet := testPacket
			if pop {
				r.tunnelled(b)
				packet = wrapped(b, r, stack, testPacket)
				r.flowAt = len(packet) - len(testPacket) + 26
			}
			r.warm(packet, 1024)
			b.ReportAllocs()
			clock := cpu.NewClock()
			from := clock.Cycles()
			for b.Loop() {
				r.cycle(packet, 1024)
			}
			b.ReportMetric(float64(clock.Cycles()-from)/float64(b.N)/frame.MaxBatch, "cycles/pkt")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frame.MaxBatch, "ns/pkt")
		})
	}
	run("forward", nil, false)
	for _, name := range []string{"vxlan", "geneve", "geneve-ipv6"} {
		run(fmt.Sprint("push-", name), rigStacks(b)[name], false)
		run(fmt.Sprint("pop-", name), rigStacks(b)[name], true)
	}
}

// TestAGuestsSegmentsAreCutBeforeTheyGoIntoATunnel: what leaves is complete and short enough, inside and outside.
func TestAGuestsSegmentsAreCutBeforeTheyGoIntoATunnel(t *testing.T) {
	for name, c := range map[string]struct {
		v6            bool
		size, segment int
		parts         int
	}{
		"a checksum":                   {false, 1000, 0, 1},
		"a checksum over IPv6":         {true, 1000, 0, 1},
		"a segment":                    {false, 14_000, 1000, 14},
		"a segment over IPv6":          {true, 14_000, 1000, 14},
		"more parts than a batch has":  {false, 60_000, 500, 120},
		"parts longer than the tunnel": {false, 14_000, 9000, 10},
	} {
		t.Run(name, func(t *testing.T) {
			const outer = 50
			r := newRig(t, &intoTunnel{stack: rigStacks(t)["vxlan-checksum"]}, 1)
			whole := tcpPacket(t, c.v6, false, c.size, bothEnds)
			sent, o := unfinish(whole, c.v6, false, c.segment)
			var got [][]byte
			for _, p := range r.passUnfinished(sent, o) {
				if len(p) > 1464+outer {
					t.Errorf("%d bytes left, want at most %d", len(p), 1464+outer)
				}
				got = append(got, p[outer:])
			}
			if len(got) != c.parts {
				t.Fatalf("%d packets left, want %d", len(got), c.parts)
			}
			l3, l4 := offsets(c.v6, false)
			checkParts(t, got, whole[len(whole)-c.size:], l3, l4)
		})
	}
}

// Tables are made anew whenever anything in the underlay or an overlay has changed, mostly with what they were made of before.
func TestWhatIsRememberedOfOuterHeadersOutlivesATableThatIsAsGood(t *testing.T) {
	r := newRig(t, new(intoTunnel), 1)
	r.tunnelled(t)
	before := r.w.port(1).under
	if r.tunnelled(t); r.w.port(1).under != before {
		t.Error("an equal table takes the place of another")
	}
	if r.w.setTunnels(r.w.port(1), nil); r.w.port(1).under != nil {
		t.Error("the tunnels are still there")
	}
	if r.tunnelled(t); r.w.port(1).under == nil {
		t.Error("there are no tunnels")
	}
}

package datapath_test

import (
	"bytes"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// tunnelText is what the packets of these tests say of the tunnel they came out of.
const tunnelText = "tun_id=0x5,tun_src=192.0.2.1,tun_dst=192.0.2.2,tun_metadata0=0x1234,tun_metadata1=0x99"

// tunnelMap is what the options of these packets are.
func tunnelMap(t testing.TB) *flow.TLVMap {
	t.Helper()
	options, err := flow.ParseOptions("{class=0x102,type=0x80,len=4}->tun_metadata0,{class=0x102,type=1,len=124}->tun_metadata1")
	if err != nil {
		t.Fatal(err)
	}
	m, err := (*flow.TLVMap)(nil).Add(options...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tunnelKey returns the key that says so, and its match.
func tunnelKey(t testing.TB, text string, m *flow.TLVMap) flow.Match {
	t.Helper()
	match, err := flow.ParseMatch(text, flow.Names{Options: m})
	if err != nil {
		t.Fatal(err)
	}
	return match
}

// sendAs sends packets that have come out of a tunnel, as key and m say.
func (l *lab) sendAs(port string, key *flow.Key, m *flow.TLVMap, packets ...[]byte) {
	l.t.Helper()
	c, err := l.pool.NewCache()
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	var b frame.Batch
	for _, p := range packets {
		f, ok := c.FromBytes(p)
		if !ok {
			l.t.Fatal("the arena is exhausted")
		}
		key.PutTunnel(l.pool.Tunnel(f), m)
		f.SetFlags(frame.HasTunnel)
		b.Append(f)
	}
	if n := l.peers[port].Queues()[0].Send(&b); n != len(packets) {
		l.t.Fatalf("port %s took %d of %d packets", port, n, len(packets))
	}
}

// A mapped table is a script that knows tunnel options, gets packets, and sends some.
type mapped struct {
	*listener
	options *flow.TLVMap
	sender  rules.Sender
}

func (m *mapped) TunnelOptions() *flow.TLVMap { return m.options }

func (m *mapped) SetSender(s rules.Sender) { m.sender = s }

// newMapped returns a table that holds packets against want in every look-up, and does write's program the first time
// and sends them out of port 2 the second.
func newMapped(t *testing.T, want *flow.Match, m *flow.TLVMap, write func(p *action.Program)) *mapped {
	table := &mapped{options: m, listener: newListener(t, nil)}
	table.decide = func(q *rules.Query, v *rules.Verdict) error {
		if !want.Matches(q.Key) {
			whole := q.Key.Whole()
			t.Errorf("looked up as %s", whole.Append(nil, flow.Names{Options: m}))
		}
		for b := flow.Tunnel; b < flow.Regs; b++ {
			v.Mask[b] = want.Mask[b]
		}
		v.Mask.SetExact(flow.FieldUDPSrc)
		if q.Key.Uint(flow.FieldRecircID) == 0 {
			write(&v.Actions)
		} else {
			v.Actions.Output(2)
		}
		return nil
	}
	return table
}

// TestWhatIsKnownOfATunnelStaysWithThePacket sends packets on all ways through the switch: each look-up of each of them
// finds the same tunnel fields.
func TestWhatIsKnownOfATunnelStaysWithThePacket(t *testing.T) {
	const hashed = flow.RecircHashed | 1
	m := tunnelMap(t)
	want := tunnelKey(t, tunnelText, m)
	for name, c := range map[string]struct {
		write func(p *action.Program)
		out   int // packets that leave for each
		sent  int // copies for the table
	}{
		"at once":               {func(p *action.Program) { p.Output(2) }, 1, 0},
		"taken up again":        {func(p *action.Program) { p.Recirc(1) }, 1, 0},
		"after a hash":          {func(p *action.Program) { p.Hash(action.HashL4, 0); p.Recirc(hashed) }, 1, 0},
		"in a clone":            {func(p *action.Program) { p.Clone(program(func(p *action.Program) { p.Recirc(1) })); p.Recirc(1) }, 2, 0},
		"behind a copy":         {func(p *action.Program) { p.Output(2); p.Recirc(1) }, 2, 0},
		"with another tag":      {func(p *action.Program) { p.PushVLAN(0x8100, 5); p.PopVLAN(); p.Recirc(1) }, 1, 0},
		"given to the table":    {func(p *action.Program) { p.Send(7); p.Recirc(1) }, 1, 1},
		"given to it in part":   {func(p *action.Program) { p.Trunc(20); p.Send(7); p.Output(2) }, 1, 1},
		"given to it by clones": {func(p *action.Program) { p.Clone(program(func(p *action.Program) { p.Send(7) })); p.Output(2) }, 1, 1},
	} {
		for how, o := range map[string]datapath.Options{"": {}, " on workers": {SlowPath: datapath.SlowPath{Server: datapath.ByWorkers}}, " on a thread": {SlowPath: datapath.SlowPath{Server: datapath.ByThread}}} {
			t.Run(name+how, func(t *testing.T) {
				table := newMapped(t, &want, m, c.write)
				l := newLab(t, o, table, "a", "b")
				for range 3 { // by the slow path, with some that are held, and by the caches
					l.sendAs("a", &want.Key, m, udp(t, 1, 2, 7, 50), udp(t, 1, 2, 7, 50), udp(t, 1, 2, 8, 50), udp(t, 1, 2, 7, 50))
					for _, p := range l.receive("b", 4*c.out) {
						if len(p) != 92 {
							t.Errorf("a packet of %d bytes left", len(p))
						}
					}
				}
				for _, r := range table.wait(12 * c.sent) {
					if !want.Matches(&r.key) {
						t.Errorf("the table gets a packet without its tunnel")
					}
				}
			})
		}
	}
}

func TestATableSendsPacketsAsOutOfATunnel(t *testing.T) {
	m := tunnelMap(t)
	want := tunnelKey(t, tunnelText, m)
	table := newMapped(t, &want, m, func(p *action.Program) { p.Output(2) })
	l := newLab(t, datapath.Options{}, table, "a", "b")
	again := program(func(p *action.Program) { p.Recirc(1) }).Words()
	pkt := udp(t, 1, 2, 7, 50)
	for _, port := range []uint64{1, 0} { // none: from nowhere
		key := want.Key
		key.SetUint(flow.FieldInPort, port)
		if err := table.sender.(rules.TunnelSender).InjectAs(&key, pkt, again); err != nil {
			t.Fatal(err)
		}
		if got := l.receive("b", 1)[0]; !bytes.Equal(got, pkt) {
			t.Errorf("% x left, want % x", got, pkt)
		}
	}
}

// TestAPacketLeavesItsTunnelBehind lets packets out of a tunnel cross a second switch, which must not take them for such.
func TestAPacketLeavesItsTunnelBehind(t *testing.T) {
	m := tunnelMap(t)
	want := tunnelKey(t, tunnelText, m)
	table := newMapped(t, &want, m, func(p *action.Program) { p.Output(2); p.Trunc(60); p.Output(2); p.Output(2) })
	l := newLab(t, datapath.Options{}, table, "a", "b")
	l.sendAs("a", &want.Key, m, udp(t, 1, 2, 7, 50))
	q := l.peers["b"].Queues()[0]
	var b frame.Batch
	waitUntil(t, "three copies leave", func() bool { q.Recv(&b); return b.Len() == 3 })
	for _, f := range b.Frames() {
		if f.Flags() != 0 {
			t.Errorf("a packet of %d bytes leaves with flags %b", f.Len(), f.Flags())
		}
	}
	q.Free(&b)
}

func TestACriticalOptionThatNobodyKnowsEndsThePacket(t *testing.T) {
	m := tunnelMap(t)
	want := tunnelKey(t, "tun_id=0x5,tun_src=192.0.2.1", m)
	table := newMapped(t, &want, nil, func(p *action.Program) { p.Output(2) })
	l := newLab(t, datapath.Options{}, table, "a", "b")
	// The table knows no option, so that of class 0x102 and type 0x80 is critical and unknown.
	full := tunnelKey(t, tunnelText, m)
	l.sendAs("a", &full.Key, m, udp(t, 1, 2, 7, 50))
	l.waitFor("option_not_mapped", drops, 1)
	// The same option is no fault once the table has it, which the switch learns in Sync.
	table.options = m
	table.change(rules.ChangeSet{All: true}, newMapped(t, &full, m, func(p *action.Program) { p.Output(2) }).decide)
	l.sw.Sync()
	l.sendAs("a", &full.Key, m, udp(t, 1, 2, 7, 50))
	l.receive("b", 1)
	if got := value(l.sw.Stats().Drops, "option_not_mapped"); got != 1 {
		t.Errorf("%d packets dropped, want 1", got)
	}
}

func TestTagsAreNotPutOverWhatIsKnownOfATunnel(t *testing.T) {
	m := tunnelMap(t)
	want := tunnelKey(t, tunnelText, m)
	table := newMapped(t, &want, m, func(p *action.Program) {
		for range 20 { // 80 bytes, where 64 are free
			p.PushVLAN(0x8100, 5)
		}
		p.Output(2)
	})
	l := newLab(t, datapath.Options{}, table)
	for _, name := range []string{"a", "b"} {
		l.add(name, memport.Options{MTU: 9000})
	}
	l.sendAs("a", &want.Key, m, udp(t, 1, 2, 7, 50))
	l.waitFor("no_headroom", drops, 1)
}

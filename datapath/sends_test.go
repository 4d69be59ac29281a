package datapath_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
)

// received is a packet that a table was given.
type received struct {
	id     uint32
	key    flow.Key
	packet []byte
	size   int
}

// A listener is a table that takes packets, when its gate lets it.
type listener struct {
	*script
	gate chan struct{} // closed: open

	mu  sync.Mutex
	got []received
}

func newListener(t *testing.T, write func(q *rules.Query, p *action.Program)) *listener {
	l := &listener{gate: make(chan struct{})}
	close(l.gate)
	l.script = newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		write(q, &v.Actions)
		return nil
	})
	return l
}

func (l *listener) Receive(id uint32, q *rules.Query) {
	<-l.gate
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, received{id, *q.Key, bytes.Clone(q.Packet), q.Size})
}

// wait waits for n packets.
func (l *listener) wait(n int) []received {
	l.t.Helper()
	waitUntil(l.t, "the table gets its packets", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.got) >= n })
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got
}

func TestTheTableGetsCopiesOfPackets(t *testing.T) {
	const id = flow.RecircHashed | 3
	table := newListener(t, func(q *rules.Query, p *action.Program) {
		if q.Key.Uint(flow.FieldRecircID) != 0 {
			p.Send(8)
			return
		}
		p.Trunc(100)
		p.Send(7)
		p.Output(2)
		p.Clone(program(func(p *action.Program) { p.PopVLAN(); p.PushVLAN(0x8100, 9); p.Send(6) }))
		p.Hash(action.HashL4, 5)
		p.Recirc(id)
	})
	l := newLab(t, datapath.Options{}, table)
	l.add("a", memport.Options{MTU: 9000})
	l.add("b", memport.Options{MTU: 9000})
	p := udp(t, 1, 2, 7, 5000) // in several buffers
	for round := range 3 {
		l.send("a", p)
		got := table.wait(3 * (round + 1))[3*round:]
		byID := make(map[uint32]received)
		for _, r := range got {
			byID[r.id] = r
		}
		if r := byID[7]; !bytes.Equal(r.packet, p[:100]) || r.size != len(p) || r.key.Uint(flow.FieldInPort) != 1 {
			t.Errorf("cut: %d bytes of %d, port %d", len(r.packet), r.size, r.key.Uint(flow.FieldInPort))
		}
		if r := byID[6]; len(r.packet) != len(p)+4 || r.key.Uint(flow.FieldDLVLAN) != 9 {
			t.Errorf("changed: %d bytes, VLAN %d", len(r.packet), r.key.Uint(flow.FieldDLVLAN))
		}
		hash := action.Hash(action.HashL4, 5, p, 14, 34)
		if r := byID[8]; !bytes.Equal(r.packet, p) || r.key.Uint(flow.FieldRecircID) != id || uint32(r.key.Uint(flow.FieldDPHash)) != hash {
			t.Errorf("taken up again: %d bytes, id %#x, dp_hash %#x, want %#x", len(r.packet), r.key.Uint(flow.FieldRecircID), r.key.Uint(flow.FieldDPHash), hash)
		}
		if got := l.receive("b", 1)[0]; !bytes.Equal(got, p) {
			t.Errorf("port b sent %d bytes", len(got))
		}
	}
	l.waitFor("sent_to_table", events, 9)
}

func TestATableThatIsSlowToTakePacketsCostsNoMoreThanThem(t *testing.T) {
	table := newListener(t, func(_ *rules.Query, p *action.Program) { p.Send(1); p.Output(2) })
	l := newLab(t, datapath.Options{SlowPath: datapath.SlowPath{SendRate: -1}}, table, "a", "b")
	p := udp(t, 1, 2, 7, 20)
	l.send("a", p)
	l.receive("b", 1)
	table.wait(1)
	table.gate = make(chan struct{})
	const n = 1000
	for range n {
		l.send("a", p)
	}
	l.receive("b", n)
	waitUntil(t, "every copy is on its way or dropped", func() bool {
		st := l.sw.Stats()
		return value(events(st), "sent_to_table")+value(drops(st), "controller_queue_full") == n+1
	})
	lost := int(value(drops(l.sw.Stats()), "controller_queue_full"))
	if lost == 0 {
		t.Error("nothing was lost: the test shows nothing")
	}
	close(table.gate)
	table.wait(n + 1 - lost)
}

func TestPacketsForTheTableHaveARate(t *testing.T) {
	table := newListener(t, func(q *rules.Query, p *action.Program) { p.Send(uint32(q.Key.Uint(flow.FieldInPort))); p.Output(2) })
	l := newLab(t, datapath.Options{SlowPath: datapath.SlowPath{SendRate: 100}}, table, "a", "b", "c")
	p := udp(t, 1, 2, 7, 20)
	const n = 500
	for range n {
		l.send("a", p)
	}
	l.receive("b", n)
	l.send("c", p) // whose rate is its own
	l.receive("b", 1)
	waitUntil(t, "every copy is given or dropped", func() bool {
		st := l.sw.Stats()
		return value(st.SlowPath, "delivered")+value(drops(st), "controller_rate") == n+1
	})
	counts := make(map[uint32]int)
	for _, r := range table.wait(1) {
		counts[r.id]++
	}
	if counts[3] != 1 || counts[1] < 10 || counts[1] > 200 {
		t.Errorf("ports gave %v, want 1 of port 3, a burst of 10 and 100 a second of port 1", counts)
	}
}

func TestPacketsForATableThatTakesNoneComeHome(t *testing.T) {
	table := newScript(t, 1, func(_ *rules.Query, v *rules.Verdict) error { v.Actions.Send(1); return nil })
	l := newLab(t, datapath.Options{}, table, "a")
	for range 10 {
		l.send("a", udp(t, 1, 2, 7, 20))
	}
	waitUntil(t, "they are counted", func() bool { return value(l.sw.Stats().SlowPath, "unwanted") == 10 })
}

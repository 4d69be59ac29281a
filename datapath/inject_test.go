package datapath_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
)

// A speaker is a table that sends packets of its own.
type speaker struct {
	*script
	rules.Sender
}

func (s *speaker) SetSender(x rules.Sender) { s.Sender = x }

func TestATableSendsPacketsOfItsOwn(t *testing.T) {
	// What is taken up again leaves by port 3 with its input port for a VLAN.
	table := &speaker{script: newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		v.Actions.PushVLAN(0x8100, uint16(q.Key.Uint(flow.FieldInPort)))
		v.Actions.Output(3)
		return nil
	})}
	l := newLab(t, datapath.Options{}, table)
	for _, name := range []string{"a", "b", "c"} {
		l.add(name, memport.Options{MTU: 9000})
	}
	out := program(func(p *action.Program) { p.Output(2); p.Recirc(1) }).Words()
	for _, size := range []int{0, 20, 8000} {
		p := udp(t, 1, 2, 7, size)
		for _, port := range []uint32{1, 0, 1, 0} { // by the slow path, then by the caches
			if err := table.Inject(port, p, out); err != nil {
				t.Fatal(err)
			}
			if got := l.receive("b", 1)[0]; !bytes.Equal(got, p) {
				t.Errorf("%d bytes left, want the %d that were sent", len(got), len(p))
			}
			got := l.receive("c", 1)[0]
			vlan := uint32(binary.BigEndian.Uint16(got[14:])) & 0xfff
			if known := vlan >= 1 && vlan <= 3; len(got) != len(p)+4 || known != (port == 1) || known && vlan != 1 {
				t.Errorf("sent by port %d, taken up again with port %d and %d bytes", port, vlan, len(got))
			}
		}
	}
	l.waitFor("injected", events, 12)
	for _, bad := range []struct {
		name    string
		port    uint32
		packet  []byte
		program []uint64
		want    error
	}{
		{"a port that is not there", 9, udp(t, 1, 2, 7, 0), out, datapath.ErrNoPort},
		{"a port beyond any", math.MaxUint32, udp(t, 1, 2, 7, 0), out, datapath.ErrNoPort},
		{"13 bytes", 1, make([]byte, 13), out, datapath.ErrTooShort},
		{"more than a chain takes", 1, make([]byte, 1<<20), out, datapath.ErrTooLong},
		{"an operation that is none", 1, udp(t, 1, 2, 7, 0), []uint64{99}, datapath.ErrProgram},
		{"half an operation", 1, udp(t, 1, 2, 7, 0), program(func(p *action.Program) { p.PushMPLS(0x8847, 0) }).Words()[:1], datapath.ErrProgram},
	} {
		if err := table.Inject(bad.port, bad.packet, bad.program); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v, want %v", bad.name, err, bad.want)
		}
	}
	sender := table.Sender
	l.setTable(t, newScript(t, 2, toPort(2)))
	if table.Sender != nil {
		t.Error("a table that has gone keeps its sender")
	}
	if err := l.sw.Close(); err != nil {
		t.Fatal(err)
	}
	for name, inject := range map[string]func(uint32, []byte, []uint64) error{"the switch": l.sw.Inject, "a sender": sender.Inject} {
		if err := inject(0, udp(t, 1, 2, 7, 0), out); err == nil {
			t.Errorf("%s takes packets after the end", name)
		}
	}
}

func TestPacketsOfOneCallerStayInOrder(t *testing.T) {
	table := newScript(t, 1, toPort(2))
	l := newLab(t, twoWorkers, table, "a", "b")
	const callers, each = 4, 300
	var wg sync.WaitGroup
	for c := range byte(callers) {
		wg.Go(func() {
			var p action.Program
			p.Output(2)
			pkt := udp(t, c, 2, 7, 2)
			for i := range uint16(each) {
				binary.BigEndian.PutUint16(pkt[len(pkt)-2:], i)
				for l.sw.Inject(1, pkt, p.Words()) != nil {
				}
			}
		})
	}
	var next [callers]uint16
	for _, got := range l.receive("b", callers*each) {
		c := got[11]
		if i := binary.BigEndian.Uint16(got[len(got)-2:]); i != next[c] {
			t.Fatalf("caller %d: packet %d came when %d was due", c, i, next[c])
		}
		next[c]++
	}
	wg.Wait()
}

func TestAPacketGoesOnAfterTheTableHasHadIt(t *testing.T) {
	// Paused by one program, resumed with another from within Receive.
	table := &resumer{t: t}
	table.script = newScript(t, 1, func(_ *rules.Query, v *rules.Verdict) error { v.Actions.Send(1); return nil })
	l := newLab(t, datapath.Options{}, table, "a", "b")
	for i := range uint16(50) {
		p := udp(t, 1, 2, i, 20)
		l.send("a", p)
		got := l.receive("b", 1)[0]
		if want := slices.Concat(p[:12], []byte{0x81, 0, 0, 5}, p[12:]); !bytes.Equal(got, want) {
			t.Fatalf("\n got % x\nwant % x", got, want)
		}
	}
	l.sw.Sync()
}

type resumer struct {
	speaker
	t *testing.T
}

func (r *resumer) Receive(_ uint32, q *rules.Query) {
	var p action.Program
	p.PushVLAN(0x8100, 5)
	p.Output(2)
	if err := r.Inject(uint32(q.Key.Uint(flow.FieldInPort)), q.Packet, p.Words()); err != nil {
		r.t.Error(err)
	}
}

func TestAStepperTakesPacketsUntilThereIsNoRoom(t *testing.T) {
	table := &speaker{script: newScript(t, 1, toPort(2))}
	st, peers := newStepper(t, datapath.Options{}, table, datapath.PortConfig{Name: "a"}, datapath.PortConfig{Name: "b"})
	out := program(func(p *action.Program) { p.Output(2) }).Words()
	n := 0
	for ; n < 1<<20; n++ {
		if err := table.Inject(0, udp(t, 1, 2, 7, 20), out); err != nil {
			if !errors.Is(err, rules.ErrBusy) {
				t.Errorf("packet %d: %v, want ErrBusy", n, err)
			}
			break
		}
	}
	if err := st.Send(1, udp(t, 1, 2, 7, 20)); err != nil {
		t.Fatal(err)
	}
	if got := len(peers["b"].RecvBytes()); got != n+1 {
		t.Errorf("%d packets left, want %d and the one that came in", got, n)
	}
}

// newStepper returns a stepper for a bridge with memory ports.
func newStepper(t *testing.T, o datapath.Options, table rules.Table, ports ...datapath.PortConfig) (*datapath.Stepper, map[string]*memport.Peer) {
	t.Helper()
	pool := newPool(t)
	o.Pool = pool
	st, err := datapath.NewStepper(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: table}}}
	if err := st.Apply(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	peers := make(map[string]*memport.Peer)
	for _, p := range ports {
		dev, err := memport.Open(p.Name, memport.Options{Pool: pool, MTU: 9000})
		if err != nil {
			t.Fatal(err)
		}
		peers[p.Name] = dev.Peer()
		if err := st.AddDevice("br0", p, dev); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		for _, p := range peers {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return st, peers
}

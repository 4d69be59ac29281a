package faulty

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// wrapped is a memory port with faults, and its peer.
type wrapped struct {
	*Port
	peer *memport.Peer
	pool *frame.Pool
	b    frame.Batch
}

// newWrapped opens one; the test ends with a leak check.
func newWrapped(t *testing.T, f Faults) *wrapped {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := memport.Open("mem0", memport.Options{Pool: pool, MTU: memport.MaxMTU})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Wrap(inner, pool, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), p.Close(), inner.Peer().Close(), pool.Close()); err != nil {
			t.Error(err)
		}
	})
	return &wrapped{Port: p, peer: inner.Peer(), pool: pool}
}

// number returns packet i of a test: its number is in its length and its bytes.
func number(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 64+i%7) }

// recv sends n numbered packets and returns what the port receives of them, calling Recv at most
// 10 times more often than that.
func (w *wrapped) recv(n int) [][]byte {
	var got [][]byte
	for i := range n {
		w.peer.SendBytes(number(i))
	}
	for range 10 * n {
		w.rxs[0].Recv(&w.b)
		for _, f := range w.b.Frames() {
			got = append(got, w.pool.AppendTo(nil, f))
		}
		w.peer.Free(&w.b)
	}
	return got
}

// send has the port send n numbered packets, 8 at a time, and returns what arrives.
func (w *wrapped) send(t *testing.T, n int) [][]byte {
	t.Helper()
	c, err := w.pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range n {
		f, _ := c.FromBytes(number(i))
		w.b.Append(f)
		if w.b.Len() == 8 || i == n-1 {
			w.txs[0].Send(&w.b)
			w.txs[0].Flush()
		}
	}
	return w.peer.RecvBytes()
}

// count returns a fault's counter.
func (w *wrapped) count(t *testing.T, name string) int {
	t.Helper()
	for _, s := range w.Samples(nil) {
		if s.Name == name {
			return int(s.Value)
		}
	}
	t.Fatalf("no counter %s", name)
	return 0
}

func TestNoFaultsChangeNothing(t *testing.T) {
	w := newWrapped(t, Faults{})
	for way, got := range map[string][][]byte{"received": w.recv(200), "sent": w.send(t, 200)} {
		if len(got) != 200 {
			t.Fatalf("%d packets %s, want 200", len(got), way)
		}
		for i, p := range got {
			if !bytes.Equal(p, number(i)) {
				t.Errorf("packet %d changed or came out of order when %s", i, way)
			}
		}
	}
	for _, s := range w.Samples(nil) {
		if s.Value != 0 {
			t.Errorf("%s is %d", s.Name, s.Value)
		}
	}
}

// TestEachFaultIsCounted sets one fault at a time and compares what arrives with its counter.
func TestEachFaultIsCounted(t *testing.T) {
	const n = 400
	half := func(set func(*Direction)) (rx, tx Faults) {
		set(&rx.Rx)
		set(&tx.Tx)
		return rx, tx
	}
	for _, tc := range []struct {
		name string
		set  func(*Direction)
		// check returns what the counter should be, from the packets that came.
		check func(got [][]byte) int
	}{
		{"drop", func(d *Direction) { d.Drop = 0.5 }, func(got [][]byte) int { return n - len(got) }},
		{"duplicate", func(d *Direction) { d.Duplicate = 0.5 }, func(got [][]byte) int { return len(got) - n }},
		{"truncate", func(d *Direction) { d.Truncate = 0.5 }, func(got [][]byte) int {
			short := 0
			for i, p := range got {
				if len(p) < len(number(i)) {
					short++
				}
			}
			return short
		}},
		{"corrupt", func(d *Direction) { d.Corrupt = 0.5 }, func(got [][]byte) int {
			bad := 0
			for i, p := range got {
				if !bytes.Equal(p, number(i)) {
					bad++
				}
			}
			return bad
		}},
		{"reorder", func(d *Direction) { d.Reorder = 0.01 }, func(got [][]byte) int {
			overtaken := 0
			for i := 1; i < len(got); i++ {
				if got[i][0] == got[i-1][0]-1 {
					overtaken++
				}
			}
			return overtaken
		}},
	} {
		rx, tx := half(tc.set)
		for _, way := range []string{"rx", "tx"} {
			t.Run(way+" "+tc.name, func(t *testing.T) {
				var w *wrapped
				var got [][]byte
				if way == "rx" {
					w = newWrapped(t, rx)
					got = w.recv(n)
				} else {
					w = newWrapped(t, tx)
					got = w.send(t, n)
				}
				count := w.count(t, "fault_"+way+"_"+tc.name)
				if want := tc.check(got); count != want && !(tc.name == "reorder" && count-want <= 1) {
					t.Errorf("counted %d, want %d by what came", count, want)
				}
				if count == 0 || tc.name != "reorder" && (count < n/4 || count > 3*n/4) {
					t.Errorf("%d faults in %d packets", count, n)
				}
			})
		}
	}
}

func TestSameSeedSameFaults(t *testing.T) {
	all := Direction{Drop: 0.1, Truncate: 0.1, Corrupt: 0.1, Duplicate: 0.1, Reorder: 0.1}
	f := Faults{Seed: 7, Rx: all, Tx: all, TxPartial: 0.1, Stall: 0.01, StallCalls: 5}
	first, second := newWrapped(t, f), newWrapped(t, f)
	f.Seed = 8
	third := newWrapped(t, f)
	a, b, c := first.recv(500), second.recv(500), third.recv(500)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the same seed gave two different sequences on receive")
	}
	if fmt.Sprint(a) == fmt.Sprint(c) {
		t.Error("two seeds gave the same sequence")
	}
	if fmt.Sprint(first.send(t, 500)) != fmt.Sprint(second.send(t, 500)) {
		t.Error("the same seed gave two different sequences on transmit")
	}
}

func TestChainsKeepTheirOwner(t *testing.T) {
	all := Direction{Drop: 0.2, Truncate: 0.2, Corrupt: 0.2, Duplicate: 0.2, Reorder: 0.2}
	w := newWrapped(t, Faults{Rx: all, Tx: all, TxPartial: 0.2})
	for range 300 {
		w.peer.SendBytes(make([]byte, 9018))
		w.rxs[0].Recv(&w.b)
		w.txs[0].Send(&w.b)
		w.txs[0].Flush()
		w.peer.RecvBytes()
	}
	for _, name := range []string{"drop", "truncate", "corrupt", "duplicate"} {
		if w.count(t, "fault_rx_"+name) == 0 || w.count(t, "fault_tx_"+name) == 0 {
			t.Errorf("no fault %s", name)
		}
	}
}

func TestPartialSendDropsTheEnd(t *testing.T) {
	w := newWrapped(t, Faults{TxPartial: 1})
	got := w.send(t, 80)
	if dropped := w.count(t, "fault_tx_partial"); len(got)+dropped != 80 || dropped < 10 {
		t.Errorf("%d arrived and %d were dropped of 80, at least one of every 8", len(got), dropped)
	}
}

func TestStalledQueueDeliversLater(t *testing.T) {
	w := newWrapped(t, Faults{Stall: 1, StallCalls: 3})
	w.peer.SendBytes(number(1))
	for i := range 3 {
		if n := w.rxs[0].Recv(&w.b); n != 0 {
			t.Errorf("call %d delivered %d packets, want none for 3 calls", i+1, n)
		}
		if !w.rxs[0].Arm() {
			t.Error("a stalled queue lets its worker sleep")
		}
	}
	if n := w.rxs[0].Recv(&w.b); n != 1 {
		t.Errorf("delivered %d packets after the stall, want 1", n)
	}
	w.peer.Free(&w.b)
}

func TestFlapLosesBothWays(t *testing.T) {
	w := newWrapped(t, Faults{Flap: 1, FlapCalls: 3})
	if !w.LinkUp() {
		t.Error("no link before the first call")
	}
	w.peer.SendBytes(number(1))
	w.rxs[0].Recv(&w.b)
	if w.LinkUp() {
		t.Error("link is up during the flap")
	}
	if got := w.send(t, 5); len(got) != 0 {
		t.Errorf("%d packets were sent over a link that is down", len(got))
	}
	w.rxs[0].Recv(&w.b)
	w.rxs[0].Recv(&w.b)
	w.peer.SendBytes(number(2))
	if n := w.rxs[0].Recv(&w.b); n != 1 || !w.LinkUp() {
		t.Errorf("delivered %d packets after the flap with link up %v, want 1 and true", n, w.LinkUp())
	}
	w.peer.Free(&w.b)
	if rx, tx := w.count(t, "fault_rx_link_down"), w.count(t, "fault_tx_link_down"); rx != 1 || tx != 5 {
		t.Errorf("counted %d received and %d sent packets lost, want 1 and 5", rx, tx)
	}
}

func TestExhaustedArenaRecovers(t *testing.T) {
	w := newWrapped(t, Faults{Exhaust: 1, ExhaustCalls: 2})
	c, err := w.pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for call, want := range []bool{false, false, true} {
		w.rxs[0].Recv(&w.b)
		f, ok := c.Get()
		if ok != want {
			t.Errorf("after call %d a buffer was found: %v, want %v", call+1, ok, want)
		}
		if ok {
			c.Put(f)
		}
	}
}

func TestPortStopsAfterSoManyFrames(t *testing.T) {
	w := newWrapped(t, Faults{FailAfter: 10})
	if got := w.recv(10); len(got) != 10 {
		t.Fatalf("received %d packets, want 10", len(got))
	}
	<-w.Done()
	if err := w.Err(); !errors.Is(err, ErrInjected) {
		t.Errorf("error %v, want %v", err, ErrInjected)
	}
	if rx, tx := w.recv(3), w.send(t, 4); len(rx)+len(tx) != 0 {
		t.Errorf("a stopped port received %d packets and sent %d", len(rx), len(tx))
	}
	if rx, tx := w.count(t, "fault_rx_stopped"), w.count(t, "fault_tx_stopped"); rx != 3 || tx != 4 {
		t.Errorf("counted %d received and %d sent packets, want 3 and 4", rx, tx)
	}
}

func TestInnerFailureIsPassedOn(t *testing.T) {
	w := newWrapped(t, Faults{})
	w.peer.Fail(io.ErrClosedPipe)
	<-w.Done()
	if err := w.Err(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v, want %v", err, io.ErrClosedPipe)
	}
}

func TestDriverSplitsTheOptions(t *testing.T) {
	pool, err := frame.NewPool(frame.Options{Buffers: 256, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	d := New(memport.New(pool, slog.New(slog.DiscardHandler)), pool)
	open := func(o map[string]string) pmd.Port {
		t.Helper()
		p, err := d.Open(t.Context(), "p", o)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain := open(map[string]string{"queues": "2"})
	if _, ok := plain.(*memport.Port); !ok {
		t.Errorf("without faults the port is a %T", plain)
	}
	o := map[string]string{
		"queues": "2", "fault-seed": "9", "fault-rx-drop": "0.25", "fault-tx-reorder": "1", "fault-stall-calls": "7",
		"fault-fail-after": "11",
	}
	p := open(o).(*Port)
	if got := p.Info(); got.Name != "p" || len(p.RxQueues()) != 2 || len(p.TxQueues()) != 2 {
		t.Errorf("info %+v with %d and %d queues", got, len(p.RxQueues()), len(p.TxQueues()))
	}
	want := Faults{
		Seed: 9, Rx: Direction{Drop: 0.25}, Tx: Direction{Reorder: 1},
		StallCalls: 7, FlapCalls: defaultCalls, ExhaustCalls: defaultCalls, FailAfter: 11,
	}
	if p.faults != want {
		t.Errorf("faults %+v, want %+v", p.faults, want)
	}
	if err := errors.Join(p.Close(), plain.Close()); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct {
		options map[string]string
		want    string
	}{
		{map[string]string{"fault-rx-drop": "2"}, "option fault-rx-drop: want a probability"},
		{map[string]string{"fault-rx-lose": "0"}, "option fault-rx-lose: unknown"},
		{map[string]string{"fault-flap": "0.1", "queues": "0"}, "option queues"},
	} {
		if _, err := d.Open(t.Context(), "p", tc.options); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: error %v, want %q", tc.options, err, tc.want)
		}
	}
	for _, f := range []Faults{{TxPartial: -1}, {Rx: Direction{Drop: math.NaN()}}, {StallCalls: -1}} {
		inner := open(nil)
		if _, err := Wrap(inner, pool, f); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
}

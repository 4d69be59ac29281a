package datapath

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// frameOf returns a packet of an EtherType that nothing parses.
func frameOf(fill byte) []byte {
	p := bytes.Repeat([]byte{fill}, 60)
	copy(p, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5})
	return p
}

func newDryRun(t *testing.T) *DryRun {
	t.Helper()
	d, err := NewDryRun(flow.Extractor{Seed: flow.FixedSeed(1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("frames leaked: %v", err)
		}
	})
	return d
}

func TestADryRunSendsAndTakesUpAgainAsAWorkerDoes(t *testing.T) {
	d := newDryRun(t)
	packet := frameOf(7)
	for range 2 { // whatever a run leaves must not be in the next one's way
		l, ok, err := d.Enter(3, packet)
		if err != nil || !ok || l.Key.Uint(flow.FieldInPort) != 3 || l.Key.Uint(flow.FieldEthType) != 0x88b5 {
			t.Fatalf("got %+v, %v, %v", l, ok, err)
		}
		var p action.Program
		p.Output(3)
		p.PushVLAN(0x8100, 5)
		p.Output(4)
		p.Recirc(9)
		sent, again, err := d.Run(&l, p.Words())
		if err != nil {
			t.Fatal(err)
		}
		if len(sent) != 2 || sent[0].Port != 3 || !bytes.Equal(sent[0].Packet, packet) || sent[1].Port != 4 || len(sent[1].Packet) != 64 {
			t.Errorf("sent %+v", sent)
		}
		if len(again) != 1 || again[0].Recirc != 9 || again[0].Depth != 1 || again[0].Port != 3 ||
			again[0].Key.Uint(flow.FieldRecircID) != 9 || again[0].Key.Uint(flow.FieldDLVLAN) != 5 {
			t.Errorf("taken up again: %+v", again)
		}
	}
	t.Run("clones go round too, before what is behind them", func(t *testing.T) {
		l, _, _ := d.Enter(3, packet)
		var copies, p action.Program
		copies.Recirc(1)
		p.Clone(&copies)
		p.Recirc(2)
		_, again, err := d.Run(&l, p.Words())
		if err != nil || len(again) != 2 || again[0].Recirc != 1 || again[1].Recirc != 2 {
			t.Errorf("got %+v, %v", again, err)
		}
	})
	t.Run("no packet goes round more often than with a worker", func(t *testing.T) {
		l, _, _ := d.Enter(3, packet)
		l.Depth = maxRecirc
		var p action.Program
		p.Recirc(9)
		if _, again, err := d.Run(&l, p.Words()); err != nil || len(again) != 0 {
			t.Errorf("got %+v, %v, want none", again, err)
		}
	})
	t.Run("a packet that is no frame is not looked up", func(t *testing.T) {
		if _, ok, err := d.Enter(3, packet[:9]); ok || err != nil {
			t.Errorf("got %v, %v", ok, err)
		}
	})
	t.Run("a packet that is longer than any", func(t *testing.T) {
		if _, _, err := d.Enter(3, make([]byte, 2<<20)); !errors.Is(err, ErrTooLong) {
			t.Errorf("got %v", err)
		}
	})
}

func TestADryRunLeavesOutWhatHasEffects(t *testing.T) {
	var inner, p, want, innerWant action.Program
	inner.Send(1)
	inner.Output(2)
	innerWant.Output(2)
	for _, q := range []*action.Program{&p, &want} {
		q.Set(flow.FieldEthDst, make([]byte, 6), bytes.Repeat([]byte{0xff}, 6))
	}
	p.Meter(4)
	p.Trunc(64)
	p.Send(7)
	p.Clone(&inner)
	want.Clone(&innerWant)
	for _, q := range []*action.Program{&p, &want} {
		q.Trunc(70)
		q.Output(1)
	}
	if got := harmless(nil, p.Words()); !slices.Equal(got, want.Words()) {
		t.Errorf("got %s, want %s", action.Format(got, nil), action.Format(want.Words(), nil))
	}
}

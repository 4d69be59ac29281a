package datapath

import (
	"testing"

	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/frame"
)

// TestAPortIsSettledWhenNothingOfItIsWithTheSlowPath: until then its queue stays with nobody, see pmd.Settler.
func TestAPortIsSettledWhenNothingOfItIsWithTheSlowPath(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	r.w.port(1).partial = false
	if !r.w.Settled(1) || !r.w.Settled(7) {
		t.Error("a port without packets, or that is not there, is not settled")
	}
	for range 2 { // of one flow: the second waits behind the first
		f, _ := r.gen.FromBytes(testPacket)
		r.batch.Append(f)
		r.w.Process(1, &r.batch)
		if r.w.Settled(1) {
			t.Fatal("settled with a packet on its way through the slow path")
		}
		if !r.w.Settled(2) {
			t.Fatal("another port is not settled")
		}
	}
	settles(t, r, 2)
	if !r.w.TakeOver() {
		t.Error("nobody has handed anything over, and that is not all")
	}
}

// settles has the worker go on until port 1 is settled, which it is as soon as all packets have left.
func settles(t *testing.T, r *rig, all int) {
	t.Helper()
	for !r.w.Settled(1) {
		if r.out.sent == all {
			t.Fatalf("all %d packets have left, and the port is not settled", all)
		}
		r.w.Flush(r.now)
	}
}

func TestAnUnderlayPortIsSettledWhenNothingOutOfATunnelIsWithTheSlowPath(t *testing.T) {
	r := newRig(t, new(intoTunnel), 1)
	r.tunnelled(t)
	f, _ := r.gen.FromBytes(wrapped(t, r, rigStacks(t)["vxlan"], testPacket))
	r.batch.Append(f)
	r.w.Process(1, &r.batch)
	if r.w.Settled(1) {
		t.Error("settled with a packet on its way through the slow path that came by the port, in a tunnel")
	}
	if !r.w.Settled(2) {
		t.Error("a port that nothing came by is not settled")
	}
	settles(t, r, 1)
}

// Who gets a queue may send by another worker's queue, or by one of its own that the device serves before this one's.
func TestWhatIsTakenOverLeavesBeforeAnotherWorkerIsAsked(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	p := r.w.port(2)
	p.tx.from = &handover{frames: ring.NewMPSC[frame.Frame](handoverDepth)}
	r.w.served = append(r.w.served, p)
	f, _ := r.gen.FromBytes(testPacket)
	p.tx.from.frames.Push(f)
	sent := r.out.sent
	if !r.w.TakeOver() {
		t.Error("that is not all")
	}
	if r.out.sent != sent+1 {
		t.Errorf("%d packets were sent, want 1", r.out.sent-sent)
	}
}

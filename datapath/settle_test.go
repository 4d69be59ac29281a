package datapath

import "testing"

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
	for !r.w.Settled(1) {
		if got := r.out.got; len(got) == 2 {
			t.Fatal("both packets have left, and the port is not settled")
		}
		r.w.Flush(r.now)
	}
	if _, all := r.w.takeOver(); !all {
		t.Error("nobody has handed anything over, and that is not all")
	}
}

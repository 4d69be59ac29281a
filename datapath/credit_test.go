package datapath

import (
	"fmt"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// TestEachPacketIsCreditedToItsFlow sends packets of many flows with the same program, in batches of all kinds of orders, and
// holds what each flow counted against what was sent.
func TestEachPacketIsCreditedToItsFlow(t *testing.T) {
	var mask flow.Mask
	mask.SetBits(flow.FieldIPDst, 7) // eight flows
	orders := [][]byte{{0}, {0, 1}, {3, 3, 3, 5}, {0, 1, 2, 3, 4, 5, 6, 7}, {7, 7, 1, 0, 0, 0, 2}}
	for _, emc := range []int{-1, 1} {
		t.Run(fmt.Sprint("one new key in ", emc, " into the exact-match cache"), func(t *testing.T) {
			r := newRig(t, &byPort{mask: mask}, emc)
			r.w.port(1).partial = false
			for flow := range byte(8) {
				r.sendTo(t, []byte{flow})
				for r.w.waiting.Len() > 0 {
					r.w.Flush(r.now)
				}
			}
			packets, bytes := r.counted(t)
			sent := r.out.sent
			for round := range 50 {
				to := orders[round%len(orders)]
				for len(to) < frame.MaxBatch-round {
					to = slices.Concat(to, orders[round*3%len(orders)])
				}
				to = to[:min(len(to), frame.MaxBatch)]
				for i, f := range to {
					packets[f]++
					bytes[f] += uint64(60 + i%3)
				}
				r.sendTo(t, to)
				sent += len(to)
			}
			gotPackets, gotBytes := r.counted(t)
			if gotPackets != packets || gotBytes != bytes {
				t.Errorf("flows counted %v packets of %v bytes, want %v and %v", gotPackets, gotBytes, packets, bytes)
			}
			if r.out.sent != sent {
				t.Errorf("%d packets left, want %d", r.out.sent, sent)
			}
		})
	}
}

// sendTo runs a poll cycle with packets to these flows, each of 60 bytes and up to two more.
func (r *rig) sendTo(t *testing.T, flows []byte) {
	t.Helper()
	for i, to := range flows {
		p := append(slices.Clone(testPacket), 0, 0)[:60+i%3]
		p[33] = to | byte(i)<<3 // the destination's last byte
		f, ok := r.gen.FromBytes(p)
		if !ok {
			t.Fatal("arena exhausted")
		}
		r.batch.Append(f)
	}
	r.w.Process(1, &r.batch)
	r.now += 1000
	r.w.Flush(r.now)
}

// counted returns what the flows of the eight destinations have counted.
func (r *rig) counted(t *testing.T) (packets, bytes [8]uint64) {
	t.Helper()
	n := 0
	for s := flowcache.Slot(1); s < r.sw.flows.Bound(); s++ {
		var f flowcache.Flow
		if !r.sw.flows.Flow(s, &f) {
			continue
		}
		to, st := f.Key.Uint(flow.FieldIPDst)&7, r.sw.flows.Stats(s)
		packets[to], bytes[to] = st.Packets, st.Bytes
		n++
	}
	if n != 8 {
		t.Fatalf("%d flows, want 8", n)
	}
	return packets, bytes
}

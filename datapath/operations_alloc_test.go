package datapath

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// everyOperation is a table whose programs have all operations there are, clones that are taken up again
// among them. It takes packets and throws them away.
type everyOperation struct{ meter uint32 }

func (t *everyOperation) Lookup(q *rules.Query, v *rules.Verdict) error {
	p := &v.Actions
	if q.Key.Uint(flow.FieldRecircID) != 0 {
		v.Mask.SetExact(flow.FieldDPHash)
		p.Output(2)
		return nil
	}
	var clone action.Program
	clone.Hash(action.HashSymL4, 1)
	clone.Recirc(flow.RecircHashed | 1)
	p.Meter(t.meter)
	p.PushMPLS(0x8847, 1<<8)
	p.Set(flow.FieldMPLSTTL, []byte{0, 0, 0, 9}, []byte{0, 0, 0, 255})
	p.PopMPLS(0x0800)
	p.Clone(&clone)
	p.Trunc(40)
	p.Output(2)
	p.Send(1)
	p.Larger(50)
	p.Recirc(flow.RecircHashed | 2)
	return nil
}

func (t *everyOperation) Changes(uint64, *rules.ChangeSet) uint64 { return 1 }
func (t *everyOperation) Credit([]uint64, uint64, uint64, int64)  {}
func (t *everyOperation) Receive(uint32, *rules.Query)            {}
func (t *everyOperation) Hold([]uint64)                           {}
func (t *everyOperation) Release([]uint64)                        {}

func (t *everyOperation) SetMeters(s *meter.Store) {
	if s != nil {
		t.meter, _ = s.Add(meter.Meter{Packets: true, Bands: []meter.Band{{Rate: 1 << 30}}})
	}
}

func TestOperationsAllocateNothing(t *testing.T) {
	r := newRig(t, new(everyOperation), 1)
	r.warm(testPacket, 1)
	sent := r.out.sent
	if n := testing.AllocsPerRun(200, func() { r.cycle(testPacket, 1) }); n != 0 {
		t.Errorf("a poll cycle makes %v allocations, want none", n)
	}
	if got := r.out.sent - sent; got != 201*3*frame.MaxBatch {
		t.Errorf("%d packets left, want %d", got, 201*3*frame.MaxBatch)
	}
}

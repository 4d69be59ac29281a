package datapath

import (
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/ring/frame"
)

// TestWhatWasMeasuredOfPacketsHoldsUntilTheyLeave sends packets that are just as long as a port takes, or just longer, through programs that
// make them longer or shorter: nobody may go by how long they were.
func TestWhatWasMeasuredOfPacketsHoldsUntilTheyLeave(t *testing.T) {
	stack := rigStacks(t)["vxlan"]
	push := func(p *action.Program) { p.Push(&action.Header{Tunnel: rigTunnel, Longest: 2000, Stack: stack}) }
	tag := func(p *action.Program) { p.PushVLAN(0x8100, 5) }
	for _, c := range []struct {
		name  string
		write func(p *action.Program)
		sizes []int // of packets, in bytes more than the port takes
	}{
		{"as they are", func(*action.Program) {}, []int{0, 4}},
		{"with a tag", tag, []int{-4, 0}},
		{"with two", func(p *action.Program) { tag(p); tag(p) }, []int{-8, -4}},
		{"with a tag less", func(p *action.Program) { tag(p); p.PopVLAN() }, []int{0, 1}},
		{"in a tunnel", push, []int{-50, -49}},
		{"with a tag in a tunnel", func(p *action.Program) { tag(p); push(p) }, []int{-54, -53}},
		{"in a tunnel and with a tag", func(p *action.Program) { push(p); tag(p) }, []int{-54, -53}},
		{"with a label", func(p *action.Program) { p.PushMPLS(0x8847, 1<<8|64) }, []int{-4, -3}},
		{"cut", func(p *action.Program) { p.Trunc(100) }, []int{0, 1}},
		{"cut in a tunnel", func(p *action.Program) { p.Trunc(100); push(p) }, []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, &byPort{}, 1)
			var p action.Program
			c.write(&p)
			p.Output(2)
			for _, by := range c.sizes {
				packet := tcpPacket(t, false, false, r.w.port(2).room+by-54, bothEnds)
				measured := r.leave(p.Words(), packet, true)
				each := r.leave(p.Words(), packet, false)
				if !slices.EqualFunc(measured, each, slices.Equal) {
					t.Errorf("%d packets of %d bytes left, %d when none was measured", len(measured), len(measured[0]), len(each))
				}
				if len(each) == 0 {
					t.Errorf("nothing left")
				}
			}
		})
	}
}

// leave runs a program over a packet, which has been measured or not, and returns what left.
func (r *rig) leave(words []uint64, packet []byte, measure bool) [][]byte {
	r.tb.Helper()
	f, ok := r.gen.FromBytes(packet)
	if !ok {
		r.tb.Fatal("arena exhausted")
	}
	r.out.keep, r.out.got = true, nil
	b := &r.batch
	b.Append(f)
	r.w.x.Extract(r.w.pool, 1, 0, b, &r.w.keys)
	var all frame.Measure
	if measure {
		if all = r.w.pool.Measure(b.Frames()); !all.Plain {
			r.tb.Fatal("the packet is not plain")
		}
	}
	r.w.run(words, run{port: 1, frames: b.Frames(), l3: r.w.keys.L3[:1], l4: r.w.keys.L4[:1], all: all})
	b.Reset()
	r.w.Flush(r.now)
	return r.out.got
}

package datapath

import (
	"maps"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// written builds a program from arbitrary bytes, by the methods a rule table has.
func written(code []byte, stacks [][]uint64) *action.Program {
	p := new(action.Program)
	next := func() (b byte) {
		if len(code) > 0 {
			b, code = code[0], code[1:]
		}
		return b
	}
	take := func(n int) []byte {
		b := make([]byte, n)
		code = code[copy(b, code):]
		return b
	}
	for len(code) > 0 && len(p.Words()) < 256 {
		switch next() % 16 {
		case 0, 1:
			p.Output(uint32(next() % 5)) // of which 1 and 2 exist
		case 2:
			f := flow.FieldID(next()) % flow.NumFields
			if size := int(f.Info().Size); size > 0 {
				p.Set(f, take(size), take(size))
			}
		case 3:
			p.PushVLAN(uint16(next())<<8|uint16(next()), uint16(next())<<8|uint16(next()))
		case 4:
			p.PopVLAN()
		case 5:
			p.Drop(action.Reason(next()) % action.NumReasons)
		case 6:
			p.Recirc(uint32(next()))
		case 7:
			p.Hash(action.HashAlg(next()%2), uint32(next()))
		case 8:
			p.Larger(uint32(next()))
		case 9:
			p.Trunc(uint32(next()) + 14)
		case 10:
			p.PushMPLS(uint16(next())<<8|uint16(next()), uint32(next())<<8)
		case 11:
			p.PopMPLS(uint16(next())<<8 | uint16(next()))
		case 12:
			p.Meter(1<<18 | uint32(next()%3)) // of which 0 and 1 exist
		case 13:
			p.Clone(written(take(int(next()%32)), stacks))
		case 14:
			p.Send(uint32(next()))
		case 15:
			p.Push(&action.Header{
				Tunnel: rigTunnel, Longest: uint32(next()) * 16, Excess: action.Excess(next() % 3), Context: 9, Stack: stacks[int(next())%len(stacks)],
			})
		}
	}
	return p
}

// build returns a packet in buffers of the given sizes; what is left over is in the last.
func (r *rig) build(data []byte, sizes []byte) (frame.Frame, bool) {
	pool := r.gen.Pool()
	var c frame.Chain
	for n := 0; n == 0 || len(data) > 0; n++ {
		f, ok := r.gen.Get()
		if !ok {
			r.tb.Fatal("arena exhausted")
		}
		size := min(len(data), pool.Room())
		if n < len(sizes) {
			size = min(size, int(sizes[n])+1)
		}
		pool.SetLen(&f, size)
		copy(pool.Bytes(f), data)
		data = data[size:]
		if !c.Append(pool, f) {
			r.gen.Put(f)
			break
		}
	}
	return c.Frame(pool), true
}

// FuzzRun runs programs that a rule table could write over packets that anybody could send, whole, cut
// short and in pieces: nothing panics, and every buffer comes back, which the arena checks at the end.
func FuzzRun(f *testing.F) {
	f.Add([]byte{0, 2}, testPacket, []byte{})
	f.Add([]byte{3, 0x81, 0, 0, 5, 4, 2, 60, 1, 1, 1, 1, 255, 255, 255, 255, 1, 2, 0, 1}, testPacket, []byte{20, 3, 0})
	f.Add([]byte{6, 1}, testPacket[:20], []byte{13})
	f.Add([]byte{4, 4, 4, 1, 1, 1, 2}, append(append([]byte{}, testPacket[:12]...), 0x81, 0, 0, 5, 8, 0), []byte{})
	for field := flow.FieldID(1); field < flow.NumFields; field++ {
		f.Add([]byte{2, byte(field), 9, 8, 7, 6, 5, 4, 3, 2, 1, 255, 255, 255, 255, 255, 255, 1, 2}, testPacket, []byte{})
	}
	f.Add([]byte{10, 0x88, 0x47, 1, 13, 4, 11, 8, 0, 0, 1, 9, 6, 7, 1, 5, 12, 0, 6, 1}, testPacket, []byte{})
	f.Add([]byte{13, 12, 13, 8, 13, 4, 6, 9, 0, 1, 0, 2, 0, 1, 9, 20, 0, 2}, testPacket, []byte{15, 3, 0})
	f.Add([]byte{14, 7, 9, 20, 14, 8, 13, 5, 4, 14, 9, 0, 2, 0, 1, 14, 1}, testPacket, []byte{15, 3, 0})
	f.Add([]byte{15, 0, 0, 0, 1, 2, 9, 0, 40, 15, 60, 1, 1, 0, 2, 13, 6, 15, 5, 2, 2, 1, 2}, testPacket, []byte{15, 3, 0})
	f.Add([]byte{15, 30, 2, 4, 0, 2}, append(append([]byte{}, testPacket...), make([]byte, 5000)...), []byte{})
	stacks := slices.Collect(maps.Values(rigStacks(f)))
	slices.SortFunc(stacks, slices.Compare)
	r := newRig(f, &byPort{}, 1)
	for range 2 {
		if _, err := r.sw.meters.Add(meter.Meter{Packets: true, Bands: []meter.Band{{Rate: 1, Burst: 5}}}); err != nil {
			f.Fatal(err)
		}
	}
	count := func() (n uint64) {
		r.w.count.publish()
		for _, s := range r.w.count.drops.Samples(nil) {
			n += s.Value
		}
		return n
	}
	f.Fuzz(func(t *testing.T, code, data, sizes []byte) {
		if len(data) < 14 || len(data) > 20_000 || len(sizes) > frame.MaxChain {
			return // the pipeline drops shorter ones before; longer ones no port delivers
		}
		words := written(code, stacks).Words()
		pkt, ok := r.build(data, sizes)
		if !ok || pkt.Len() < 14 {
			r.gen.Put(pkt)
			return
		}
		if data[len(data)-1]%2 == 1 && r.gen.Pool().TunnelFits(pkt) {
			copy(r.gen.Pool().Tunnel(pkt)[:], code) // it has come out of a tunnel that said so
			pkt.SetFlags(frame.HasTunnel)
		}
		lost, sent := count(), r.in.sent+r.out.sent
		b := &r.batch
		b.Append(pkt)
		r.w.x.Extract(r.w.pool, 1, 0, b, &r.w.keys)
		r.w.clones.left = maxClones
		var all frame.Measure
		if data[len(data)-1]&2 != 0 {
			all = r.w.pool.Measure(b.Frames())
		}
		r.w.run(words, run{port: 1, depth: maxRecirc, frames: b.Frames(), l3: r.w.keys.L3[:1], l4: r.w.keys.L4[:1], all: all})
		b.Reset()
		again := r.w.again.n
		r.w.finishRecirc(maxRecirc, 0, b) // over the limit: dropped
		r.w.Flush(r.now)
		if end := len(words) == 0 || again > 0; end && count() == lost {
			t.Errorf("a packet without an output is in no drop counter")
		}
		if out := r.in.sent + r.out.sent - sent; out > len(words)*(1+len(data)/40) {
			t.Errorf("%d packets out of %d operations", out, len(words))
		}
		for _, c := range []int{r.batch.Len(), r.w.answer.Len(), r.w.spare.Len(), r.w.again.n} {
			if c != 0 {
				t.Errorf("%d frames are left in the worker's scratch", c)
			}
		}
	})
}

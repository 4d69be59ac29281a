package datapath

import (
	"testing"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/ring/frame"
)

// FuzzTunnels lets packets that anybody could send come in by a port at which tunnels end, whole and in pieces, with
// senders that leave checksums to hardware and without: nothing panics, each is counted once, what was put into a tunnel
// comes out of it as it was, and every buffer comes back.
func FuzzTunnels(f *testing.F) {
	r := newRig(f, new(intoTunnel), 1)
	r.tunnelled(f)
	for _, stack := range rigStacks(f) {
		p := wrapped(f, r, stack, testPacket)
		f.Add(p, []byte{}, false)
		f.Add(p, []byte{60, 3, 0}, true)
		f.Add(p[:len(p)-30], []byte{}, true)
	}
	count := func() (n uint64) {
		r.w.count.publish()
		for _, s := range r.w.count.levels.Samples(nil) {
			n += s.Value
		}
		return n
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte, partial bool) {
		if len(data) == 0 || len(data) > 20_000 || len(sizes) > frame.MaxChain {
			return
		}
		pkt, ok := r.build(data, sizes)
		if !ok {
			return
		}
		p := r.w.port(1)
		p.partial = partial
		before, popped := count(), r.popped()
		r.batch.Append(pkt)
		r.w.Process(1, &r.batch)
		for r.w.Flush(r.now); r.w.waiting.Len() > 0; {
			r.w.Flush(r.now)
		}
		if n := count() - before; n != 1 {
			t.Errorf("a packet is counted %d times", n)
		}
		if r.popped() > popped+1 || r.batch.Len()+r.w.popping.batch.Len()+r.w.popping.whole.Len() > 0 {
			t.Errorf("a packet came out of a tunnel %d times, or stays there", r.popped()-popped)
		}
	})
}

// FuzzThroughTunnels puts packets that anybody could send into tunnels of all types and takes them out again.
func FuzzThroughTunnels(f *testing.F) {
	f.Add(testPacket, uint8(0))
	f.Add(testPacket, uint8(5))
	f.Add(testPacket, uint8(6))
	f.Add(append(append([]byte{}, testPacket...), make([]byte, 3000)...), uint8(1))
	r := newRig(f, new(intoTunnel), 1)
	r.tunnelled(f)
	names := []string{"vxlan", "vxlan-checksum", "vxlan-fragments", "geneve-ipv6", "gre", "nvgre", "erspan"}
	stacks := rigStacks(f)
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		if len(data) < 14 || len(data) > 20_000 {
			return
		}
		outer := wrapped(t, r, stacks[names[int(which)%len(names)]], data)
		g, ok := r.gen.FromBytes(outer)
		if !ok {
			t.Fatal("arena exhausted")
		}
		x := encap.NewPopper(r.gen)
		frames := []frame.Frame{g}
		x.Pop(r.w.port(1).under, frames)
		got := r.gen.Pool().AppendTo(nil, frames[0])
		r.gen.Put(frames[0])
		if x.Popped != 1 || string(got) != string(data) {
			t.Errorf("popped %b, dropped %b (%s): %d bytes, want %d", x.Popped, x.Dropped, x.Why[0], len(got), len(data))
		}
	})
}

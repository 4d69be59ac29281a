package frontend

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A bare port has rings and no session: nobody listens, and what a back end would do the fuzzer does.
type bare struct {
	*Port
	s      *session
	rings  [2][]byte
	layout driver.Layout
	cache  *frame.Cache
	batch  frame.Batch
}

func newBare(t testing.TB, features proto.Features) *bare {
	p := openPort(t, Options{Pool: newPool(t, 512), RingSize: MinRingSize, Offload: true})
	b := &bare{Port: p, s: &session{Port: p, features: features}}
	if err := b.s.makeRings(); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.cache, err = p.o.Pool.NewCache(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.cache.Close)
	b.layout = layout(features.Has(proto.RingPacked), b.s.config(0))
	for i, q := range p.rings() {
		b.rings[i] = p.memory.rings[p.ringAt(q.index):p.ringAt(q.index+1)]
		q.gate.Open()
	}
	return b
}

// step does one thing of the front end's or the back end's. It reports false when a ring was given up.
func (b *bare) step(what, where, low, high byte) bool {
	ring := b.rings[where&1]
	at := int(low) | int(high)<<8
	switch what % 8 {
	case 0: // receive and send that back
		b.rx[0].Recv(&b.batch)
		b.tx[0].Send(&b.batch)
		b.tx[0].Flush()
	case 1: // send more than half a ring, so that Send looks for what came back
		b.cache.Fill(&b.batch, 40)
		for i := range b.batch.Frames() {
			b.pool().SetLen(&b.batch.Frames()[i], ethernet+int(low))
		}
		b.tx[0].Send(&b.batch)
	case 2: // what the device writes: index, entries, descriptors, notification words
		off := at % (b.layout.Bytes - 4)
		binary.LittleEndian.PutUint16(ring[off:], binary.LittleEndian.Uint16(ring[off:])+uint16(where>>1))
	case 3: // split: one more used entry, of any chain
		idx := binary.LittleEndian.Uint16(ring[b.layout.Device+2:])
		e := ring[b.layout.Device+4+int(idx%MinRingSize)*8:]
		binary.LittleEndian.PutUint32(e, uint32(low))
		binary.LittleEndian.PutUint32(e[4:], uint32(high)*8)
		binary.LittleEndian.PutUint16(ring[b.layout.Device+2:], idx+1)
	case 4: // packed: a used descriptor at any place
		d := ring[int(low)%MinRingSize*16:]
		binary.LittleEndian.PutUint32(d[8:], uint32(high)*8)
		binary.LittleEndian.PutUint16(d[14:], binary.LittleEndian.Uint16(d[14:])^1<<15)
	case 5: // any header before any packet
		mem := b.pool().Memory()
		binary.LittleEndian.PutUint32(mem[int(low)*b.pool().BufferSize()+frame.Headroom-nethdr.Size+int(where%3)*4:], uint32(high)*0x01010101)
	case 6:
		b.rx[0].Arm()
	case 7:
		b.rx[0].Recv(&b.batch)
		b.cache.PutBatch(&b.batch)
	}
	return b.rx[0].gate.IsOpen() && b.tx[0].gate.IsOpen()
}

// FuzzBackEnd has the other side of the rings do anything, in both layouts: nothing panics, no buffer is given out twice
// (the pool's audit), and all come home when the rings are reset (the end of the pool).
//
// Input: one byte for the features, then steps of 4 bytes.
func FuzzBackEnd(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 3, 0, 0, 9, 7, 0, 0, 0})
	f.Add([]byte{1, 1, 0, 60, 0, 4, 1, 0, 9, 1, 0, 60, 0})
	f.Add([]byte{7, 7, 0, 0, 0, 5, 2, 3, 2, 4, 0, 0, 200, 7, 0, 0, 0, 4, 0, 1, 200, 7, 0, 0, 0})
	f.Add([]byte{14, 7, 0, 0, 0, 3, 0, 0, 20, 3, 0, 1, 20, 6, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		features := proto.Version1 | proto.GuestCsum | proto.GuestTSO4 | proto.Csum
		for i, bit := range []proto.Features{proto.RingPacked, proto.InOrder, proto.EventIdx, proto.MrgRxbuf} {
			if in[0]>>i&1 != 0 {
				features |= bit
			}
		}
		b := newBare(t, features)
		for in = in[1:]; len(in) >= 4 && b.step(in[0], in[1], in[2], in[3]); in = in[4:] {
		}
		b.cache.PutBatch(&b.batch)
		for _, q := range b.Port.rings() {
			q.gate.Shut()
		}
	})
}

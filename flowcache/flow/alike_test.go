package flow

import (
	"maps"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// TestKeysWithTheSameOuterHeadersAreThoseOfEachPacket extracts packets together, with outer headers that are said once,
// and as they are.
func TestKeysWithTheSameOuterHeadersAreThoseOfEachPacket(t *testing.T) {
	r, each := newRig(t), new(Keys)
	e := &Extractor{Seed: FixedSeed(1)}
	var said Key
	said.SetUint(FieldTunID, 0x1234)
	said.SetUint(FieldTunSrc, 0x0a000001)
	packets := corpus()
	for names := range slices.Chunk(slices.Sorted(maps.Keys(packets)), frame.MaxBatch) {
		var b frame.Batch
		for _, name := range names {
			f := newFrame(t, r.pool, r.cache, packets[name])
			copy(r.pool.Tunnel(f)[:], said[Tunnel][:])
			frame.SetTunnelOptions(r.pool.Tunnel(f), 0)
			f.SetFlags(frame.HasTunnel)
			b.Append(f)
		}
		e.Extract(r.pool, 7, 0, &b, each)
		r.dirty(0xa5)
		for i := range b.Frames() {
			if i%2 == 0 {
				b.Frames()[i].SetFlags(0)
			}
		}
		e.ExtractAlike(r.pool, 7, &b, r.keys, (*[frame.TunnelBlock]byte)(&said[Tunnel]))
		if r.keys.N != each.N || r.keys.Short|each.Short|r.keys.Refused != 0 {
			t.Errorf("%d keys, short %b, refused %b", r.keys.N, r.keys.Short, r.keys.Refused)
		}
		for i, name := range names {
			var got, want Key
			r.keys.Key(i, &got)
			each.Key(i, &want)
			if got != want || r.keys.Hash[i] != each.Hash[i] || r.keys.L3[i] != each.L3[i] || r.keys.L4[i] != each.L4[i] {
				t.Errorf("%s: got %s", name, describe(twin{key: got}))
			}
		}
		r.cache.PutBatch(&b)
	}
}

package flowcache

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

var _ = [1]struct{}{}[flow.Version-3]

var testSeed = flow.FixedSeed(1)

// newKey returns a key from port with the blocks in present; every other byte is zero.
func newKey(port uint32, present uint8) flow.Key {
	var k flow.Key
	binary.BigEndian.PutUint32(k[flow.Base][flow.OffInPort:], port)
	k[flow.Base][flow.OffBlocks] = present | 1<<flow.Base
	return k
}

// setKeys makes keys the batch in k, with the blocks they lack full of garbage.
func setKeys(k *flow.Keys, keys ...flow.Key) {
	k.N = len(keys)
	for i := range keys {
		h := uint64(0)
		for b := range flow.FastBlocks {
			if keys[i].Blocks()&(1<<b) == 0 {
				for j := range k.Block[b][i] {
					k.Block[b][i][j] = 0xa5
				}
				continue
			}
			k.Block[b][i] = keys[i][b]
			h = flow.HashBlock(h, &keys[i][b], &testSeed)
		}
		k.Hash[i] = h
	}
}

// randomKey returns a key of a small universe: each field has few values, so that keys meet flows and
// flows meet masks.
func randomKey(r *rand.Rand, ports uint32) flow.Key {
	k := newKey(r.Uint32N(ports), uint8(r.UintN(1<<flow.FastBlocks)))
	binary.BigEndian.PutUint32(k[flow.Base][flow.OffRecirc:], r.Uint32N(2))
	k[flow.Base][flow.OffEthDst+5] = byte(r.UintN(3))
	binary.BigEndian.PutUint32(k[flow.Base][flow.OffIPDst:], r.Uint32N(4)<<24|r.Uint32N(4))
	k[flow.Base][flow.OffL4Dst+1] = byte(r.UintN(4))
	fill := [...]struct{ block, off int }{
		{flow.Net6, flow.OffIP6Dst + 15}, {flow.Net6, flow.OffNDTarget},
		{flow.Label, flow.OffMPLS0 + 1}, {flow.Tunnel, flow.OffTunID + 7}, {flow.Tunnel, flow.OffTunIP6Dst + 3},
		{flow.Options, 3}, {flow.Options + 3, 60},
	}
	for _, f := range fill {
		if k.Blocks()&(1<<f.block) != 0 {
			k[f.block][f.off] = byte(r.UintN(3))
		}
	}
	return k
}

// randomMask returns a mask of some of the fields that randomKey fills, whole or in part.
func randomMask(r *rand.Rand) flow.Mask {
	var m flow.Mask
	exact(&m, flow.OffInPort, 8)
	parts := [...]struct{ block, off, size int }{
		{flow.Base, flow.OffEthDst, 6}, {flow.Base, flow.OffIPDst, 4}, {flow.Base, flow.OffIPDst, 1}, {flow.Base, flow.OffL4Dst, 2},
		{flow.Net6, flow.OffIP6Dst, 16}, {flow.Net6, flow.OffNDTarget, 1},
		{flow.Label, flow.OffMPLS0, 4}, {flow.Tunnel, flow.OffTunID, 8}, {flow.Tunnel, flow.OffTunIP6Dst, 16},
		{flow.Options, 0, 4}, {flow.Options + 3, 60, 4},
	}
	for _, p := range parts {
		if r.UintN(4) == 0 {
			for i := range p.size {
				m[p.block][p.off+i] = 0xff
			}
		}
	}
	return m
}

// exact sets size bytes of the base block of m from off.
func exact(m *flow.Mask, off, size int) {
	for i := range size {
		m[flow.Base][off+i] = 0xff
	}
}

// allOf returns the indexes of a batch of n.
func allOf(idx *[frame.MaxBatch]uint16, n int) []uint16 {
	for i := range n {
		idx[i] = uint16(i)
	}
	return idx[:n]
}

func mustNew(t testing.TB, o Options) *Megaflow {
	t.Helper()
	if o.Seed == nil {
		o.Seed = &testSeed
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// under reports whether key belongs to a flow with this masked key and mask.
func under(key *flow.Key, f *Flow) bool {
	for b := range flow.FastBlocks {
		for i := range flow.BlockSize {
			if key[b][i]&f.Mask[b][i] != f.Key[b][i]&f.Mask[b][i] {
				return false
			}
		}
	}
	return true
}

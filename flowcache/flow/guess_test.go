package flow

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// under reports whether key has the bits of mask's base block as want has them.
func under(key *Key, mask, want *Block) bool {
	masked := key[Base]
	masked.And(&key[Base], mask)
	return bytes.Equal(masked[:], want[:])
}

// TestPacketsAsGuessedAreThoseWhoseKeysWouldBe extracts packets of all kinds, mixed at random, with a guess and without: some from a
// tunnel, and guesses of some bits of what one of the packets is.
func TestPacketsAsGuessedAreThoseWhoseKeysWouldBe(t *testing.T) {
	r, each := newRig(t), new(Keys)
	e := &Extractor{Seed: FixedSeed(1)}
	packets := corpus()
	names := slices.Sorted(maps.Keys(packets))
	rnd := rand.New(rand.NewPCG(1, 2))
	same, guessed := 0, 0
	for range 2000 {
		var b frame.Batch
		for b.Len() < 1+rnd.IntN(frame.MaxBatch) {
			pkt := packets[names[rnd.IntN(len(names))]]
			if rnd.IntN(2) > 0 {
				pkt = build(0, ethernet(0x0800), ip4(17), udpOver(ip4(17)))
				pkt[len(pkt)-8+rnd.IntN(4)] ^= byte(rnd.IntN(2)) // a port
			}
			f := newFrame(t, r.pool, r.cache, pkt)
			if rnd.IntN(8) == 0 {
				clear(r.pool.Tunnel(f)[:])
				f.SetFlags(frame.HasTunnel)
			}
			b.Append(f)
		}
		e.Extract(r.pool, 7, 0, &b, each)
		var of Key
		each.Key(rnd.IntN(b.Len()), &of)
		var mask, want Block
		for i := range mask[:OffBlocks] {
			mask[i] = [...]byte{0, 0, 0xff, 0xf0}[rnd.IntN(4)]
		}
		want.And(&of[Base], &mask)
		if rnd.IntN(20) == 0 {
			want[rnd.IntN(OffBlocks)] ^= 1
		}
		g := Guess{Mask: &mask, Want: &want, Tunnel: rnd.IntN(2) > 0}
		r.dirty(0xa5)
		r.keys.Expect(g)
		e.Extract(r.pool, 7, 0, &b, r.keys)
		if r.keys.Same&^r.keys.Guessed != 0 {
			t.Fatalf("%b are the same, and only %b were compared", r.keys.Same, r.keys.Guessed)
		}
		for i, f := range b.Frames() {
			var got, is Key
			each.Key(i, &is)
			as := under(&is, &mask, &want) && (g.Tunnel || f.Flags()&frame.HasTunnel == 0)
			switch {
			case r.keys.L3[i] != each.L3[i] || r.keys.L4[i] != each.L4[i]:
				t.Fatalf("headers of %x begin at %d and %d, want %d and %d", r.pool.Bytes(f), r.keys.L3[i], r.keys.L4[i], each.L3[i], each.L4[i])
			case r.keys.Guessed>>i&1 != 0 && (r.keys.Same>>i&1 != 0) != as:
				t.Fatalf("%s: as guessed %v, want %v", describe(twin{key: is}), !as, as)
			case r.keys.Same>>i&1 != 0:
				same++
				continue
			}
			guessed += int(r.keys.Guessed >> i & 1)
			if r.keys.Key(i, &got); got != is || r.keys.Hash[i] != each.Hash[i] {
				t.Fatalf("not as guessed:\n got %s\nwant %s", describe(twin{key: got}), describe(twin{key: is}))
			}
		}
		e.Extract(r.pool, 7, 0, &b, r.keys)
		if r.keys.Guessed|r.keys.Same != 0 {
			t.Fatal("a guess lasts for more than one extraction")
		}
		r.cache.PutBatch(&b)
	}
	if same < 1000 || guessed < 1000 {
		t.Errorf("%d packets were as guessed and %d others were compared: too few to tell", same, guessed)
	}
}

// TestPacketsOfOneTunnelAreGuessedAsTheyAre: their keys have a tunnel block each, which a guess may not ask for.
func TestPacketsOfOneTunnelAreGuessedAsTheyAre(t *testing.T) {
	r := newRig(t)
	e := &Extractor{Seed: FixedSeed(1)}
	var kept, mask, want Block
	mask[OffIPDst], want[OffIPDst] = 0xff, 10
	for _, c := range []struct {
		tunnel bool
		same   uint64
	}{{true, 0b101}, {false, 0}} {
		var b frame.Batch
		for _, net := range []byte{10, 11, 10} {
			pkt := build(0, ethernet(0x0800), ip4(17), udpOver(ip4(17)))
			pkt[30] = net
			b.Append(newFrame(t, r.pool, r.cache, pkt))
		}
		r.keys.Expect(Guess{Mask: &mask, Want: &want, Tunnel: c.tunnel})
		e.ExtractAlike(r.pool, 7, &b, r.keys, (*[frame.TunnelBlock]byte)(&kept))
		if r.keys.Same != c.same {
			t.Errorf("with Tunnel %v packets %03b are as guessed, want %03b", c.tunnel, r.keys.Same, c.same)
		}
		var got Key
		if r.keys.Key(1, &got); got[Base][OffBlocks]>>Tunnel&1 == 0 || got[Base][OffIPDst] != 11 {
			t.Error("the packet that is not as guessed has not the key that it would have")
		}
		r.cache.PutBatch(&b)
	}
}

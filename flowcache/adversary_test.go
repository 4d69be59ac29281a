package flowcache

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// hashOf returns the hash of a key under the mask of the cache's only flow.
func hashOf(m *Megaflow, key *flow.Key) uint64 {
	v := m.viewKey(key)
	return m.hash(&v, m.maskOf(m.portMasks(1)[0]))
}

// keyed returns a cache with that seed and one mask: both addresses and both L4 ports.
func keyed(t *testing.T, seed uint64, flows int) (*Megaflow, flow.Mask) {
	s := flow.FixedSeed(seed)
	m := mustNew(t, Options{Flows: flows, Seed: &s})
	var mask flow.Mask
	exact(&mask, flow.OffIPSrc, 12) // addresses and ports
	put(t, m, newKey(1, 1), mask)
	return m, mask
}

// Whoever knows the hash function and has found packets that share a bucket in one switch has found nothing
// about another.
func TestPacketsMadeToCollideUnderOneSeedDoNotUnderAnother(t *testing.T) {
	a, _ := keyed(t, 1, 1<<12)
	b, mask := keyed(t, 2, 1<<12)
	want := hashOf(a, new(newKey(1, 1))) & a.table.mask
	var found []flow.Key
	for n := uint32(1); len(found) < 4*ways; n++ {
		key := benchKey(n)
		if hashOf(a, &key)&a.table.mask == want {
			found = append(found, key)
		}
	}
	buckets := map[uint64]int{}
	for i := range found {
		buckets[hashOf(b, &found[i])&b.table.mask]++
		if _, err := b.Insert(&Flow{Key: found[i], Mask: mask}); err != nil {
			t.Fatalf("packet %d of %d: %v", i, len(found), err)
		}
	}
	for _, n := range buckets {
		if n > 4 {
			t.Errorf("%d of %d packets share a bucket under the other seed, too", n, len(found))
		}
	}
}

// Patterns that a linear hash maps to few buckets fill them as random ones would: nothing is refused, and few
// flows stand in their second bucket.
func TestPatternsFillBucketsAsRandomKeysDo(t *testing.T) {
	const flows = 1 << 15
	for name, word := range map[string]func(n uint32) uint64{
		"counting":              func(n uint32) uint64 { return uint64(n) },
		"high bits only":        func(n uint32) uint64 { return uint64(n) << 48 },
		"a byte apart":          func(n uint32) uint64 { return uint64(n) * 0x0101_0101 },
		"the same in two words": func(n uint32) uint64 { return uint64(n)<<32 | uint64(n) },
		"multiples of a page":   func(n uint32) uint64 { return uint64(n) << 12 },
	} {
		m, mask := keyed(t, 7, flows)
		for n := range uint32(flows - 1) {
			key := newKey(1, 1)
			binary.BigEndian.PutUint64(key[flow.Base][flow.OffIPSrc:], word(n+1))
			if _, err := m.Insert(&Flow{Key: key, Mask: mask}); err != nil {
				t.Fatalf("%s: flow %d: %v", name, n, err)
			}
		}
		spilled := 0
		for i := range m.table.buckets {
			spilled += int(m.table.buckets[i][0].Load() >> spilledShift)
		}
		if spilled > flows/20 {
			t.Errorf("%s: %d of %d flows stand in their second bucket", name, spilled, flows)
		}
	}
}

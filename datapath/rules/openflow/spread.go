package openflow

import (
	"math/bits"
	"slices"
)

// spreadSlots is how many slots a select group of up to fewBuckets has, spreadMany those of more. A packet's
// hash, modulo the number of slots, chooses its slot; cached flows are told by that many bits of it.
const (
	spreadSlots = 256
	spreadMany  = 1024
	fewBuckets  = 64
)

// newSpread returns for each slot of a select group the bucket that it belongs to.
//
// A bucket of weight w gets w/W of the slots, W being the sum of all weights, rounded by largest remainder:
// exact to one slot, 1/256 or 1/1024 of the packets; but at least one, if its weight is not 0. Which ones is
// for weighted rendezvous hashing to say (Thaler and Ravishankar, "A name-based mapping scheme for
// rendezvous", 1996; the weights as in Schindelhauer and Schomaker, "Weighted distributed hash tables",
// 2005): slots and buckets find each other in the order of their scores. So the same buckets have the same
// slots on every switch and after every start, and when a bucket comes or goes only about as many slots
// change hands as it has.
func newSpread(buckets []Bucket) []uint16 {
	n := spreadSlots
	if len(buckets) > fewBuckets {
		n = spreadMany
	}
	left := quotas(buckets, n)
	type pair struct {
		score        uint64
		slot, bucket uint16
	}
	var pairs []pair
	for i := range buckets {
		if left[i] == 0 {
			continue
		}
		for slot := range n {
			pairs = append(pairs, pair{score(&buckets[i], slot), uint16(slot), uint16(i)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		}
		return int(a.bucket) - int(b.bucket)
	})
	spread := make([]uint16, n)
	for i := range spread {
		spread[i] = noBucket
	}
	for _, p := range pairs {
		if spread[p.slot] == noBucket && left[p.bucket] > 0 {
			spread[p.slot] = p.bucket
			left[p.bucket]--
		}
	}
	return spread
}

// noBucket is what a slot belongs to when no bucket has a weight.
const noBucket = 0xffff

// quotas returns how many of n slots each bucket gets.
func quotas(buckets []Bucket, n int) []int {
	total := 0
	for i := range buckets {
		total += int(buckets[i].Weight)
	}
	quota := make([]int, len(buckets))
	if total == 0 {
		return quota
	}
	rest, order := n, make([]int, len(buckets))
	for i := range buckets {
		quota[i] = n * int(buckets[i].Weight) / total
		if quota[i] == 0 && buckets[i].Weight != 0 {
			quota[i] = 1
		}
		rest -= quota[i]
		order[i] = i
	}
	// The largest remainder comes first; those that got their one slot for nothing come last.
	owed := func(i int) int { return n*int(buckets[i].Weight) - quota[i]*total }
	slices.SortStableFunc(order, func(a, b int) int { return owed(b) - owed(a) })
	for i := 0; rest > 0; i, rest = i+1, rest-1 {
		quota[order[i]]++
	}
	for ; rest < 0; rest++ { // too many got one for nothing: those with most give
		most := 0
		for i := range quota {
			if quota[i] > quota[most] {
				most = i
			}
		}
		quota[most]--
	}
	return quota
}

// score says how much a slot and a bucket want each other, the less the more: -log2 of a random number of
// (0, 1) that belongs to the two, by the bucket's weight, which is not 0.
func score(k *Bucket, slot int) uint64 {
	return negLog2(mix64(uint64(k.ID)<<32|uint64(slot))) / uint64(k.Weight)
}

// negLog2 returns -log2(v / 2^64) with 48 bits behind the point. It counts in integers, since floating-point
// logarithms differ between machines.
func negLog2(v uint64) uint64 {
	v |= 1
	whole := bits.LeadingZeros64(v)
	v <<= whole
	log := uint64(0) // of v/2^63, which is in [1, 2)
	for range 48 {
		hi, lo := bits.Mul64(v, v)
		log <<= 1
		if hi>>63 != 0 {
			log |= 1
			v = hi
		} else {
			v = hi<<1 | lo>>63
		}
	}
	return uint64(whole+1)<<48 - log
}

// mix64 makes a number of which all bits depend on all of v: the last step of splitmix64 (Steele, Lea and
// Flood, "Fast splittable pseudorandom number generators", 2014).
func mix64(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

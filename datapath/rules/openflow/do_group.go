package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// group carries out a group.
func (x *xlate) group(id uint32) {
	x.v.Tags |= x.t.groupTag(id)
	g := x.t.groups[id]
	if g == nil {
		x.because(action.NoGroup)
		if x.q.Trace != nil {
			x.trace(x.level(), ">> output to nonexistent group %d", id)
		}
		return
	}
	if !x.mayEnter(x.table) {
		return
	}
	x.resubmits++
	x.depth++
	defer func() { x.depth-- }()
	if g.Type == GroupAll {
		x.v.Trail = append(x.v.Trail, g.word(everyBucket))
		for i := range g.Buckets {
			x.bucket(g, i)
		}
		return
	}
	i, ok := x.choose(g)
	switch {
	case x.stop != stopNot: // until the packet has a hash
	case !ok:
		x.because(action.NoBucket)
		x.trace(x.level(), "-> no live bucket")
	default:
		if x.q.Trace != nil && g.Type != GroupIndirect {
			x.trace(x.level(), "-> using bucket %d", g.Buckets[i].ID)
		}
		x.v.Trail = append(x.v.Trail, g.word(g.places[i]))
		x.bucket(g, i)
	}
}

// bucket carries out a bucket on a copy of the packet. An exit in it is one for the bucket only
// (ovs-actions(7), "The exit action").
func (x *xlate) bucket(g *group, i int) {
	if x.q.Trace != nil {
		x.trace(x.level(), "bucket %d", g.Buckets[i].ID)
	}
	x.nested += 2
	x.onCopy(func() { x.run(g.run[i]) })
	x.exit = false
	x.nested -= 2
}

// choose returns which bucket of a group that is not of type all the packet goes through. If there is no
// saying without its hash, it stops translation.
func (x *xlate) choose(g *group) (bucket int, ok bool) {
	switch g.Type {
	case GroupIndirect:
		return 0, true
	case GroupFastFailover:
		return x.firstAlive(g, 0)
	}
	slot, ok := x.slotOf(g)
	if !ok {
		return 0, false
	}
	if i := int(g.spread[slot]); i != noBucket && x.alive(&g.Buckets[i], 0) {
		return i, true
	}
	// The flows of a bucket that is dead go where they would if it were not there, but for the quotas.
	best, found := uint64(0), false
	for i := range g.Buckets {
		k := &g.Buckets[i]
		if k.Weight == 0 || !x.alive(k, 0) {
			continue
		}
		if s := score(k, slot); !found || s < best {
			bucket, best, found = i, s, true
		}
	}
	return bucket, found
}

// slotOf returns the slot of the packet's hash. It reports false if there is none yet.
func (x *xlate) slotOf(g *group) (int, bool) {
	last := uint64(len(g.spread) - 1)
	if g.Method == SelectHash {
		return int(x.hashFields(g.Fields, g.Param) & last), true
	}
	alg, basis := action.HashSymL4, uint32(0)
	if g.Method == SelectDPHash {
		alg, basis = action.HashL4, foldBasis(uint32(g.Param))
		if g.Param>>32 == 1 {
			alg = action.HashSymL4
		}
	}
	if !x.hashedBy(alg, basis) {
		return 0, false
	}
	x.seeBits(flow.FieldDPHash, last)
	return int(x.work.Uint(flow.FieldDPHash) & last), true
}

// foldBasis makes the 24 bits of a basis that programs have room for of 32.
func foldBasis(basis uint32) uint32 { return (basis ^ basis>>24) & 0xffffff }

// hashedBy is hashed for a hash.
func (x *xlate) hashedBy(alg action.HashAlg, basis uint32) bool {
	return x.hashed(func(p *action.Program) { p.Hash(alg, basis) })
}

// hashFields hashes fields of the packet, those that it has.
func (x *xlate) hashFields(fields []GroupField, basis uint64) uint64 {
	h := mix64(basis)
	for i := range fields {
		f := fields[i].Field
		if !x.need(f.Info().Need) {
			continue
		}
		var m flow.Match
		fields[i].put(&m)
		x.uses = m.Mask
		x.consult()
		var b [16]byte
		value, mask := x.work.Bytes(f), m.Mask.Bytes(f)
		for j := range value {
			b[16-len(value)+j] = value[j] & mask[j]
		}
		h = mix64(h ^ binary.BigEndian.Uint64(b[:]))
		h = mix64(h ^ binary.BigEndian.Uint64(b[8:]) ^ uint64(i))
	}
	return h
}

// maxWatch bounds groups that watch groups.
const maxWatch = 16

// firstAlive returns the first bucket of a group that is alive.
func (x *xlate) firstAlive(g *group, depth int) (int, bool) {
	for i := range g.Buckets {
		if x.alive(&g.Buckets[i], depth) {
			return i, true
		}
	}
	return 0, false
}

// alive reports whether a bucket may be used: what it watches is alive, or it watches nothing.
func (x *xlate) alive(k *Bucket, depth int) bool {
	if k.WatchPort == 0 && k.WatchGroup == NoGroup {
		return true
	}
	if k.WatchPort != 0 && x.portUp(k.WatchPort) {
		return true
	}
	if k.WatchGroup == NoGroup || depth == maxWatch {
		return false
	}
	x.v.Tags |= x.t.groupTag(k.WatchGroup)
	g := x.t.groups[k.WatchGroup]
	if g == nil {
		return false
	}
	_, ok := x.firstAlive(g, depth+1)
	return ok
}

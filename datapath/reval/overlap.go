package reval

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// affects reports whether any of the changes can concern a cached flow.
func affects(c *rules.ChangeSet, f *flowcache.Flow) bool {
	if c.All || c.Moved.Concern(f.Tags, &f.Key, &f.Mask, f.Rewrote) || c.Sources.ConcernFrom(f.Tags, &f.Key, &f.Mask, f.Rewrote) {
		return true
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if f.Tags&ch.Tag != 0 && (ch.Match == nil || overlaps(ch.Match, f)) {
			return true
		}
	}
	return false
}

// overlaps reports whether some packet that the cached flow covers may match m. Where both look at a
// bit they must agree on it; words of the key that were rewritten before they were looked up say
// nothing.
func overlaps(m *flow.Match, f *flowcache.Flow) bool {
	for b := range m.Mask {
		for w := range flow.BlockSize / 8 {
			if f.Rewrote&flow.WordBit(b, w) != 0 {
				continue
			}
			both := word(&m.Mask[b], w) & word(&f.Mask[b], w)
			if (word(&m.Key[b], w)^word(&f.Key[b], w))&both != 0 {
				return false
			}
		}
	}
	return true
}

// covers reports whether every bit of need is in have: a flow cached under have is still right when
// the table consults need.
func covers(have, need *flow.Mask) bool {
	for b := range flow.FastBlocks {
		for w := range flow.BlockSize / 8 {
			if word(&need[b], w)&^word(&have[b], w) != 0 {
				return false
			}
		}
	}
	return true
}

func word(b *flow.Block, i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }

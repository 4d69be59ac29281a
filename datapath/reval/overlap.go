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
		if c.Changes[i].Concerns(f.Tags, &f.Key, &f.Mask, f.Rewrote) {
			return true
		}
	}
	return false
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

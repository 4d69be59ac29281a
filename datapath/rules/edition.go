package rules

import (
	"encoding/binary"
	"errors"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// ErrEdition is returned by a look-up that was wanted by another edition of the rules than there is.
var ErrEdition = errors.New("the rules have changed")

// An Edited is a Table whose rules change in steps, each all of what its user changes together. Every step makes
// another edition. A packet that is looked up more than once (action.OpRecirc) is then handled by one edition alone,
// or dropped (action.RulesChanged): see package version.
//
// What packets teach a table, what times out, ports that come and go: such changes are in Changes and make no edition.
//
// Thread-safety: the methods are for any goroutine, and do not wait for a look-up.
type Edited interface {
	Table
	// Edition returns the edition that there is now, which is not 0 and larger than all before. It is never that of
	// a step half done.
	Edition() uint64
	// Revised reports whether a step after an edition concerns a verdict for a key. It may say so of one that is not
	// concerned, where it has forgotten what changed.
	Revised(since uint64, v *Verdict, key *flow.Key) bool
}

// EditionOf returns the edition of t; 0 if it has none.
func EditionOf(t Table) uint64 {
	if e, ok := As[Edited](t); ok {
		return e.Edition()
	}
	return 0
}

// Concerns reports whether the change may concern a verdict with these tags for packets that agree with key in the bits
// of mask. Words that were rewritten before they were looked up, as Verdict.Rewrote has them, say nothing.
func (c *Change) Concerns(tags uint64, key *flow.Key, mask *flow.Mask, rewrote uint64) bool {
	return tags&c.Tag != 0 && (c.Match == nil || overlaps(c.Match, key, mask, rewrote))
}

// overlaps reports whether some packet that agrees with key in the bits of mask may match m: where both look at a bit
// they must agree on it.
func overlaps(m *flow.Match, key *flow.Key, mask *flow.Mask, rewrote uint64) bool {
	for b := range m.Mask {
		for w := range flow.BlockSize / 8 {
			if rewrote&flow.WordBit(b, w) != 0 {
				continue
			}
			both := word(&m.Mask[b], w) & word(&mask[b], w)
			if (word(&m.Key[b], w)^word(&key[b], w))&both != 0 {
				return false
			}
		}
	}
	return true
}

func word(b *flow.Block, i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }

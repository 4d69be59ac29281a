package gateway

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A changed is a packet's key as a program has made it.
type changed struct {
	key     flow.Key
	written flow.Mask // bits that the program says, not the packet
	retag   bool      // tags have moved: a bit of one may be another's in the packet that came
}

var tagFields = [...]flow.FieldID{flow.FieldVLANTPID, flow.FieldVLANTCI, flow.FieldVLANTPID1, flow.FieldVLANTCI1}

// become makes c what a program makes of a packet with the key k. What clones do stays theirs.
func (c *changed) become(k *flow.Key, words []uint64) {
	c.key, c.written, c.retag = *k, flow.Mask{}, false
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpSet:
			c.set(&in)
		case action.OpPushVLAN:
			c.tag(uint64(in.Arg>>16), uint64(in.Arg&0xffff|flow.VLANPresent), c.key.Uint(flow.FieldVLANTPID), c.key.Uint(flow.FieldVLANTCI))
		case action.OpPopVLAN:
			c.tag(c.key.Uint(flow.FieldVLANTPID1), c.key.Uint(flow.FieldVLANTCI1), 0, 0)
		case action.OpClone:
			rest = rest[in.Arg:]
		}
	}
}

// set does what an OpSet does.
func (c *changed) set(in *action.Instruction) {
	var value [16]byte
	for i, w := range in.Value {
		binary.BigEndian.PutUint64(value[8*i:], w)
	}
	mask := in.MaskBytes()
	v := value[8*len(in.Value)-len(mask):]
	to, written := c.key.Bytes(in.Field), c.written.Bytes(in.Field)
	for i, m := range mask {
		to[i] = to[i]&^m | v[i]&m
		written[i] |= m
	}
}

// tag makes these the tags.
func (c *changed) tag(values ...uint64) {
	c.retag = true
	for i, f := range tagFields {
		c.key.SetUint(f, values[i])
	}
}

// consult adds to a verdict that some bits of the key as it is now mattered.
func (c *changed) consult(uses *flow.Mask, v *rules.Verdict) {
	for _, f := range tagFields {
		if c.retag && uses.Any(f) {
			for _, of := range tagFields {
				v.Mask.SetExact(of)
			}
		}
	}
	for b := range uses {
		for i := 0; i < flow.BlockSize; i += 8 {
			said, seen := word(c.written[b][i:]), v.Mask[b][i:]
			if said != 0 {
				v.Rewrote |= flow.WordBit(b, i/8)
			}
			binary.BigEndian.PutUint64(seen, word(seen)|word(uses[b][i:])&^said)
		}
	}
}

func word(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

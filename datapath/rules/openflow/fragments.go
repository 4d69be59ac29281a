package openflow

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// Fragments says what rules see of IP fragments (ovs-ofctl(8), "set-frags"; OpenFlow 1.0, enum
// ofp_config_flags).
type Fragments uint8

// Values of Fragments, as ovs-ofctl names them.
const (
	FragmentsNormal  Fragments = iota // transport ports, and the type and code of ICMP, are zero for look-ups
	FragmentsDrop                     // they are dropped
	FragmentsNXMatch                  // first fragments have their ports
)

// The ports lie side by side in the key's base block.
const (
	portsAt  = flow.OffL4Src
	portsEnd = flow.OffL4Dst + 2
)

// lookUp finds the rule for the working key in what Table.fragments lets rules see of it. It leaves the bits it
// looked at in the blocks of uses that the classifier looks at.
func (x *xlate) lookUp(c *classifier.Classifier[*rule]) *classifier.Rule[*rule] {
	for rest := c.Blocks(); rest != 0; rest &= rest - 1 {
		x.uses[bits.TrailingZeros16(rest)] = flow.Block{}
	}
	base := &x.work[flow.Base]
	fragment := base[flow.OffIPFrag]&flow.FragAny != 0
	switch {
	case x.t.fragments == FragmentsNXMatch:
		return c.Lookup(&x.work, x.free(), &x.uses)
	case x.t.fragments == FragmentsDrop:
		x.uses[flow.Base][flow.OffIPFrag] |= flow.FragAny
		if fragment {
			x.because(action.Fragment)
			return nil
		}
		return c.Lookup(&x.work, x.free(), &x.uses)
	case !fragment:
		r := c.Lookup(&x.work, x.freePorts(), &x.uses)
		x.sawPorts()
		return r
	}
	ports := [portsEnd - portsAt]byte(base[portsAt:])
	clear(base[portsAt:portsEnd])
	r := c.Lookup(&x.work, x.freePorts(), &x.uses)
	copy(base[portsAt:], ports[:])
	if x.sawPorts() {
		clear(x.uses[flow.Base][portsAt:portsEnd])
	}
	return r
}

// freePorts is free, less the ports when nobody has looked at whether the packet is a fragment: what a look-up
// sees of them depends on it.
func (x *xlate) freePorts() *flow.Mask {
	free := x.free()
	if free == nil || binary.BigEndian.Uint32(free[flow.Base][portsAt:portsEnd]) == 0 || free[flow.Base][flow.OffIPFrag]&flow.FragAny != 0 || x.sawFragment() {
		return free
	}
	if free != &x.have {
		x.have = *free
	}
	clear(x.have[flow.Base][portsAt:portsEnd])
	return &x.have
}

// sawFragment reports whether somebody has looked at whether the packet is a fragment.
func (x *xlate) sawFragment() bool {
	return (x.v.Mask[flow.Base][flow.OffIPFrag]|x.loose()[flow.Base][flow.OffIPFrag])&flow.FragAny != 0
}

// sawPorts reports whether a look-up looked at ports, and notes that whether the packet is a fragment made a
// difference then.
func (x *xlate) sawPorts() bool {
	uses := &x.uses[flow.Base]
	if binary.BigEndian.Uint32(uses[portsAt:portsEnd]) == 0 {
		return false
	}
	uses[flow.OffIPFrag] |= flow.FragAny
	return true
}

// finishPorts notes that ports which were looked at, by an action that copies them perhaps, are not what rules
// see of them, or may not be: packets of the verdict are fragments, or some could be.
func (x *xlate) finishPorts() {
	base := &x.v.Mask[flow.Base]
	unsure := base[flow.OffIPFrag]&flow.FragAny == 0 || x.q.Key[flow.Base][flow.OffIPFrag]&flow.FragAny != 0
	if x.t.fragments == FragmentsNormal && unsure && binary.BigEndian.Uint32(base[portsAt:portsEnd]) != 0 {
		x.v.Rewrote |= flow.WordBit(flow.Base, portsAt/8)
	}
}

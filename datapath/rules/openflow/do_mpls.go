package openflow

import (
	"encoding/binary"
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// keyLabels is how many labels a key has room for.
const keyLabels = 3

// Parts of a label stack entry (RFC 3032 section 2.1).
const (
	mplsBottom = 1 << 8
	mplsTC     = 9 // shift
)

// labelBytes returns where the labels lie in a block.
func labelBytes(b *flow.Block) []byte { return b[flow.OffMPLS0 : flow.OffMPLS0+4*keyLabels] }

// label returns entry i of the packet's label stack.
func (x *xlate) label(i int) uint32 {
	return binary.BigEndian.Uint32(labelBytes(&x.work[flow.Label])[4*i:])
}

// seeLabel consults bits of entry i.
func (x *xlate) seeLabel(i int, bits uint32) {
	x.uses[flow.Label] = flow.Block{}
	binary.BigEndian.PutUint32(labelBytes(&x.uses[flow.Label])[4*i:], bits)
	x.consultBlock(flow.Label)
}

// labels returns how many entries of the packet's label stack are known, and whether the last of them is its
// bottom. Without a bottom, entries of zero do not count, as in OVS: the packet is cut short there.
func (x *xlate) labels() (n int, bottom bool) {
	if !x.need(flow.NeedMPLS) {
		return 0, false
	}
	for i := range keyLabels {
		x.seeLabel(i, mplsBottom)
		if x.label(i)&mplsBottom != 0 {
			return i + 1, true
		}
	}
	for i := range keyLabels {
		x.seeLabel(i, ^uint32(0))
		if x.label(i) != 0 {
			n++
		}
	}
	return n, false
}

// setLabels notes what the label stack and the EtherType are now, which the program has brought about.
func (x *xlate) setLabels(stack [keyLabels]uint32, typ uint16) {
	for _, k := range [...]*flow.Key{&x.work, &x.base} {
		for i, entry := range stack {
			binary.BigEndian.PutUint32(labelBytes(&k[flow.Label])[4*i:], entry)
		}
		k.SetUint(flow.FieldEthType, uint64(typ))
	}
	for _, m := range [...]*flow.Mask{&x.written, &x.fixed} {
		copy(labelBytes(&m[flow.Label]), ones[:])
		m.SetExact(flow.FieldEthType)
	}
	x.touch(flow.Label, flow.OffMPLS0, 4*keyLabels)
	x.touch(flow.Base, flow.OffEthType, 2)
}

// pushMPLS adds a label. As in OVS a packet has at most as many as a key has room for.
func (x *xlate) pushMPLS(typ uint16) {
	var stack [keyLabels]uint32
	n, _ := x.labels()
	switch n {
	case 0:
		stack[0] = x.firstLabel()
	case keyLabels:
		x.fail(action.TooManyLabels)
		return
	default:
		for i := range n {
			x.seeLabel(i, ^uint32(0))
			stack[i+1] = x.label(i)
		}
		stack[0] = stack[1] &^ mplsBottom
	}
	x.commit() // what gets covered must be as it should be
	x.v.Actions.PushMPLS(typ, stack[0])
	x.setLabels(stack, typ)
}

// firstLabel returns the entry that a packet without labels gets: explicit null for IPv6, else 0; traffic
// class and TTL of an IP packet, 64 where it has none.
func (x *xlate) firstLabel() uint32 {
	const nullIPv6, ttl = 2 << 12, 64 // RFC 3032 section 2.1
	entry := uint32(mplsBottom)
	if x.need(flow.NeedIPv6) {
		entry |= nullIPv6
	} else if !x.need(flow.NeedIPv4) {
		return entry | ttl
	}
	const class = 0x1c // of the DSCP, the lower three bits
	x.seeBits(flow.FieldIPTOS, class)
	x.see(flow.FieldIPTTL)
	entry |= uint32(x.work.Bytes(flow.FieldIPTOS)[0]&class) >> 2 << mplsTC
	if v := uint32(x.work.Uint(flow.FieldIPTTL)); v != 0 {
		return entry | v
	}
	return entry | ttl
}

// popMPLS removes a label. What is behind the last one known is for a second look at the packet to say: see
// looksInside. OVS does not pop labels of packets with more than three.
func (x *xlate) popMPLS(typ uint16) {
	n, bottom := x.labels()
	if n == 0 {
		return
	}
	var stack [keyLabels]uint32
	for i := 1; i < n; i++ {
		x.seeLabel(i, ^uint32(0))
		stack[i-1] = x.label(i)
	}
	x.commit()
	x.v.Actions.PopMPLS(typ)
	x.setLabels(stack, typ)
	x.inside = !isMPLS(typ) || !bottom || n == 1
}

// decMPLSTTL decrements the TTL of the outermost label and reports whether the rule's actions go on.
func (x *xlate) decMPLSTTL() bool {
	if !x.need(flow.NeedMPLS) {
		return true
	}
	x.see(flow.FieldMPLSTTL)
	ttl := x.work.Uint(flow.FieldMPLSTTL)
	if ttl <= 1 {
		x.because(action.TTLExpired)
		if x.q.Trace != nil {
			x.trace(x.level(), "-> MPLS TTL %d, stopping", ttl)
		}
		x.invalidTTL(nil)
		return false
	}
	x.write(flow.FieldMPLSTTL, []byte{0, 0, 0, byte(ttl - 1)}, []byte{0, 0, 0, 0xff})
	return true
}

// looksInside reports whether an action may ask for what is behind the EtherType. When labels were popped
// from in front of it, the packet has to come back for that.
func (x *xlate) looksInside(a Action) bool {
	switch a := a.(type) {
	case *Output:
		return a.Port == PortTable
	case *SetField:
		return behindType(a.Field)
	case *Move:
		return behindType(a.Src.Field) || behindType(a.Dst.Field)
	case *Push:
		return behindType(a.Src.Field)
	case *Pop:
		return behindType(a.Dst.Field)
	case *OutputField:
		return behindType(a.Src.Field)
	case *GroupAction:
		g := x.t.groups[a.ID]
		return g != nil && g.Type == GroupSelect
	case *Bundle:
		return a.Hash && hashesInside(a.Fields) || behindType(a.Dst.Field)
	case *Multipath:
		return hashesInside(a.Fields) || behindType(a.Dst.Field)
	case *CheckLarger:
		return behindType(a.Dst.Field)
	case *Learn:
		return behindType(a.Result.Field) || slices.ContainsFunc(a.Specs, func(s LearnSpec) bool { return behindType(s.Src.Field) })
	case *OutputTrunc, *Enqueue, *Controller, *SetOption, *DeleteField, *PushVLAN, *PopVLAN, *Clone, *SetQueue, *PopQueue, *Note, *Exit,
		*MeterAction, *Conjunction, *ClearActions, *WriteActions, *WriteMetadata:
		return false
	}
	return true // look-ups, whatever changes or reads the network header, and what is new here
}

// hashesInside reports whether a hash is made of what is behind the EtherType. Where workers make it, the packet
// comes back anyway.
func hashesInside(fields HashFields) bool { return fields != HashEthSrc && fields != HashSymmetricL4 }

// behindType reports whether a field lies behind the EtherType.
func behindType(f flow.FieldID) bool {
	info := f.Info()
	return info.Block == flow.Net6 || info.Block == flow.Label ||
		info.Block == flow.Base && info.Off >= flow.OffIPFrag && info.Off < flow.OffDPHash
}

package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// EtherTypes of tags.
const (
	tpid8021Q  = 0x8100 // IEEE 802.1Q C-tag: what tags get whose type nobody says
	tpid8021AD = 0x88a8 // IEEE 802.1Q S-tag
)

// A tag is a VLAN tag: TPID<<16 | TCI, the TCI with flow.VLANPresent set. 0 is none.
type tag uint32

func makeTag(tpid, tci uint16) tag { return tag(tpid)<<16 | tag(tci) }
func (t tag) tpid() uint16         { return uint16(t >> 16) }
func (t tag) tci() uint16          { return uint16(t) }
func (t tag) vid() uint16          { return uint16(t) & tciVID }

// keyTags is how many tags a key has room for. Tags further in are payload. baseTags is how many are
// remembered when pushes have covered them.
const (
	keyTags  = 2
	baseTags = 4
)

// A vlanStack is the tags of base, the outermost first, and what was done to them since the last
// commit: so many are popped, then others are pushed. Changes of a tag that base has stay in the
// working key's dirty bits, which is possible while nothing is pushed.
type vlanStack struct {
	base   [baseTags]tag
	popped int
	pushed [keyTags]tag // the last is the outermost
	n      int
}

// at returns tag i as it is after pops and pushes, 0 if there is none.
func (s *vlanStack) at(i int) tag {
	if i < s.n {
		return s.pushed[s.n-1-i]
	}
	return s.baseTag(s.popped + i - s.n)
}

func (s *vlanStack) baseTag(i int) tag {
	if i >= baseTags {
		return 0
	}
	return s.base[i]
}

// outerTag returns the outer tag of k, innerTag the one behind it.
func outerTag(k *flow.Key) tag {
	return tag(binary.BigEndian.Uint32(k[flow.Base][flow.OffVLANTPID:]))
}

func innerTag(k *flow.Key) tag {
	return tag(binary.BigEndian.Uint32(k[flow.Base][flow.OffVLANTPID2:]))
}

// tagBytes returns where the tags lie in a block: TPID, TCI, TPID, TCI.
func tagBytes(b *flow.Block) []byte { return b[flow.OffVLANTPID : flow.OffVLANTCI2+2] }

// seeTag consults tag i of base, where the packet's own.
func (x *xlate) seeTag(i int) {
	if i >= keyTags {
		return
	}
	seen, fixed := tagBytes(&x.v.Mask[flow.Base])[4*i:], tagBytes(&x.fixed[flow.Base])[4*i:]
	for j := range 4 {
		seen[j] |= ^fixed[j]
	}
}

// setTags puts tags into the working key that are the same for all packets of the verdict.
func (x *xlate) setTags(outer, inner tag) {
	b := tagBytes(&x.work[flow.Base])
	binary.BigEndian.PutUint32(b, uint32(outer))
	binary.BigEndian.PutUint32(b[4:], uint32(inner))
	for i := range b {
		tagBytes(&x.written[flow.Base])[i] = 0xff
	}
	x.touch(flow.Base, flow.OffVLANTPID, 8)
}

// tagged reports whether the packet has a tag.
func (x *xlate) tagged() bool {
	x.seeBits(flow.FieldVLANTCI, flow.VLANPresent)
	return outerTag(&x.work)&flow.VLANPresent != 0
}

// pushVLAN adds an outer tag.
func (x *xlate) pushVLAN(tpid, tci uint16) {
	s := &x.vlan
	if s.n == 0 && x.dirty.Any(flow.FieldVLANTCI) || s.n == len(s.pushed) {
		x.commit() // the tag that gets covered must be as it should be
	}
	if s.n == 0 {
		x.seeTag(s.popped) // it moves to the inside
	}
	outer := outerTag(&x.work)
	s.pushed[s.n] = makeTag(tpid, tci|flow.VLANPresent)
	s.n++
	x.setTags(s.pushed[s.n-1], outer)
}

// popVLAN removes the outer tag, if there is one.
func (x *xlate) popVLAN() {
	if !x.tagged() {
		return
	}
	s := &x.vlan
	if s.n > 0 {
		s.n--
	} else {
		s.popped++
		clear(x.dirty.Bytes(flow.FieldVLANTCI))
	}
	for i := s.popped; i < keyTags; i++ {
		x.seeTag(i) // they move to the outside
	}
	x.setTags(s.at(0), s.at(1))
}

// changeTag sets bits of the outer tag's TCI. There is one.
func (x *xlate) changeTag(tci, mask uint16) {
	s := &x.vlan
	if s.n == 0 {
		x.write(flow.FieldVLANTCI, []byte{byte(tci >> 8), byte(tci)}, []byte{byte(mask >> 8), byte(mask)})
		return
	}
	top := &s.pushed[s.n-1]
	*top = makeTag(top.tpid(), top.tci()&^mask|tci)
	x.setTags(*top, innerTag(&x.work))
}

// setVLANField writes to the outer tag by one of its fields; value and mask are in the places of the
// TCI.
func (x *xlate) setVLANField(f flow.FieldID, value, mask uint16) {
	switch f {
	case flow.FieldVLANVID, flow.FieldVLANPCP: // ovs-fields(7): for packets that have a tag
		mask &^= flow.VLANPresent
		if x.tagged() {
			x.changeTag(value&mask, mask)
		}
	case flow.FieldDLVLAN, flow.FieldDLVLANPCP: // as OpenFlow 1.0: a tag comes where none was
		if x.tagged() {
			x.changeTag(value, mask)
		} else {
			x.pushVLAN(tpid8021Q, value)
		}
	default:
		x.setTCI(value, mask)
	}
}

// setTCI writes to the TCI as a whole, the bit that says there is a tag included.
func (x *xlate) setTCI(value, mask uint16) {
	was := x.tagged()
	if !was {
		x.see(flow.FieldVLANTCI) // zero, if the packet's own
	}
	is := was
	if mask&flow.VLANPresent != 0 {
		is = value&flow.VLANPresent != 0
	}
	switch {
	case was && is:
		mask &^= flow.VLANPresent
		x.changeTag(value&mask, mask)
	case was:
		x.popVLAN()
	case is:
		x.pushVLAN(tpid8021Q, value)
	}
}

// commitVLAN adds the pops and pushes to the program. Popping a tag and pushing one of the same type is
// changing it.
func (x *xlate) commitVLAN() {
	s := &x.vlan
	if s.popped == 0 && s.n == 0 {
		return
	}
	var after [baseTags]tag
	for i := range after {
		after[i] = s.at(i)
	}
	for i := s.popped; i < keyTags; i++ {
		x.seeTag(i)
	}
	x.emitVLAN()
	*s = vlanStack{base: after}
	b := tagBytes(&x.base[flow.Base])
	binary.BigEndian.PutUint32(b, uint32(after[0]))
	binary.BigEndian.PutUint32(b[4:], uint32(after[1]))
	for i := range b {
		tagBytes(&x.fixed[flow.Base])[i] = 0xff
	}
}

func (x *xlate) emitVLAN() {
	s := &x.vlan
	pops, pushed := s.popped, s.pushed[:s.n]
	var replaced tag
	if pops > 0 && len(pushed) > 0 {
		x.seeTag(pops - 1)
		if old := s.baseTag(pops - 1); old.tpid() == pushed[0].tpid() {
			if old != pushed[0] {
				replaced = pushed[0]
			}
			pops, pushed = pops-1, pushed[1:]
		}
	}
	for range pops {
		x.v.Actions.PopVLAN()
	}
	if replaced != 0 {
		tci := replaced.tci()
		x.v.Actions.Set(flow.FieldVLANTCI, []byte{byte(tci >> 8), byte(tci)}, []byte{0xff, 0xff})
	}
	for _, t := range pushed {
		x.v.Actions.PushVLAN(t.tpid(), t.tci())
	}
}

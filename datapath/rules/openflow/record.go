package openflow

import (
	"slices"

	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A recorder writes down the path of one translation.
type recorder struct {
	begun bool
	// loose are the bits of the packet's own that look-ups and moves consulted, which followers consult anew. What
	// others consulted is in the verdict's mask meanwhile.
	loose flow.Mask
	// varies are written bits of the working key that come from the packet.
	varies flow.Mask
	copied flow.Mask // the packet's own bits that moves consulted

	// Of this stretch: bits that the program would not overwrite if they were right already, since a look-up or a move
	// had consulted them, and those it overwrites whatever they are, since none had.
	known, unknown flow.Mask

	// As they were at the end of the last stretch: the verdict's mask, the written bits, the bits that are the same
	// for all who follow, and the working key that these will have.
	guarded, written flow.Mask
	fixed            [wordsOfKey]uint64
	work             flow.Key

	moves []moved // since then
	path  []*stretch
	found []*rule
}

// begin starts a recording.
func (r *recorder) begin(x *xlate) {
	r.begun = true
	r.loose, r.varies, r.copied, r.guarded, r.written = flow.Mask{}, flow.Mask{}, flow.Mask{}, flow.Mask{}, flow.Mask{}
	r.known, r.unknown = flow.Mask{}, flow.Mask{}
	r.fixed = [wordsOfKey]uint64{}
	r.work = *x.q.Key
	r.moves, r.path, r.found = r.moves[:0], r.path[:0], r.found[:0]
	if x.t.fragments == FragmentsDrop { // what a look-up means depends on the packet then
		x.spoil()
	}
}

// spoil notes that something happens that cannot be followed: the path ends here, and nobody need try again.
func (x *xlate) spoil() {
	if x.rec != nil {
		x.rec.stretch(x)
		x.dead()
	}
}

// dead ends the recording. Its last stretch leads nowhere.
func (x *xlate) dead() {
	x.v.Mask.Union(&x.rec.loose)
	x.rec = nil
}

// repeats reports whether followers can do what an action does: its effects on key and program are the same for
// all packets that agree in the bits it consults. move notes itself.
func repeats(a Action) bool {
	switch a := a.(type) {
	case *Output:
		return a.Port != PortNormal && a.Port != PortController
	case *SetField, *Move, *PushVLAN, *PopVLAN, *DecTTL, *Resubmit, *GotoTable, *WriteMetadata, *WriteActions, *ClearActions, *Exit:
		return true
	}
	return false
}

// spoiledBy reports whether bits that an action looks at vary with the packet. The mask does not have them.
func (r *recorder) spoiledBy(b int, uses *flow.Block) bool {
	var both flow.Block
	both.And(uses, &r.varies[b])
	return !both.IsZero()
}

// moved notes a move by moveNumber, of bits that are the packet's own.
func (r *recorder) moved(m moved) {
	r.moves = append(r.moves, m)
	m.consult(&r.copied)
	b := r.varies.Bytes(m.dst)
	storeUint(b, loadUint(b)|m.ones<<m.to)
}

// set notes that bits of a field are the same for all from here on.
func (r *recorder) set(f flow.FieldID, mask []byte) {
	b := r.varies.Bytes(f)
	for i, m := range mask {
		b[i] &^= m
	}
}

// commit notes that a program sets bits of byte i of a field, which are not known to be right by what actions have
// consulted, and returns those that are known otherwise.
func (r *recorder) commit(f flow.FieldID, i int, set byte) (known byte) {
	known = set & r.loose.Bytes(f)[i]
	r.known.Bytes(f)[i] |= known
	r.unknown.Bytes(f)[i] |= set &^ known
	return known
}

// lookUp ends a stretch with a look-up in a table.
func (r *recorder) lookUp(x *xlate, in *classifier.Classifier[*rule]) {
	s, ok := r.stretch(x)
	if !ok {
		x.dead()
		return
	}
	s.in, s.next = in, make(map[*rule]*stretch)
}

// end ends the last stretch, which leads nowhere if the verdict is for one packet only. rewrote is the verdict's as it was before the last look at its mask.
func (r *recorder) end(x *xlate, rewrote uint64) {
	v := x.v
	if x.failed || v.NoCache {
		return
	}
	r.path[len(r.path)-1].end = &ending{
		words: slices.Clone(v.Actions.Words()), trail: slices.Clone(v.Trail), tags: v.Tags, rewrote: rewrote,
	}
}

// stretch writes down what happened since the last one. ok is false when something wrote to the working key that
// nobody has told of.
func (r *recorder) stretch(x *xlate) (s *stretch, ok bool) {
	ok = true
	s = &stretch{moves: slices.Clone(r.moves)}
	for i := range r.moves {
		r.moves[i].do(x.q.Key, &r.work)
	}
	r.moves = r.moves[:0]
	for i := range wordsOfKey {
		own := keyWord(x.q.Key, i)
		s.guard = appendBitsOf(s.guard, i, keyWord((*flow.Key)(&x.v.Mask), i)&^keyWord((*flow.Key)(&r.guarded), i), own)
		known := keyWord((*flow.Key)(&r.known), i)
		s.values = appendBitsOf(s.values, i, known, own)
		s.needs = appendBitsOf(s.needs, i, known&^keyWord((*flow.Key)(&r.copied), i), own)
		s.lacks = appendBitsOf(s.lacks, i, keyWord((*flow.Key)(&r.unknown), i), own)
		ok = r.word(x, s, i) && ok
	}
	for b := range x.written {
		if x.written[b] != r.written[b] {
			s.written = append(s.written, blockBits{b, x.written[b]})
		}
	}
	r.guarded, r.written = x.v.Mask, x.written
	r.known, r.unknown = flow.Mask{}, flow.Mask{}
	r.path = append(r.path, s)
	return s, ok
}

// appendBitsOf appends some bits of a word, if there are any.
func appendBitsOf(list []wordBits, i int, bits, word uint64) []wordBits {
	if bits == 0 {
		return list
	}
	return append(list, wordBits{i, bits, word & bits})
}

// word writes down what has become of one word of the working key, and reports whether followers have it.
func (r *recorder) word(x *xlate, s *stretch, i int) bool {
	fixed := keyWord((*flow.Key)(&x.written), i)
	if b := i / wordsOfBlock; b >= flow.Regs || i == flow.OffInPort/8 { // beside the packet: the same for all at first
		fixed = ^uint64(0)
	}
	fixed &^= keyWord((*flow.Key)(&r.varies), i)
	is, had := keyWord(&x.work, i), keyWord(&r.work, i)
	if fixed != r.fixed[i] || (is^had)&fixed != 0 {
		s.sets = append(s.sets, wordBits{i, fixed, is & fixed})
		r.fixed[i] = fixed
		had = had&^fixed | is&fixed
		setKeyWord(&r.work, i, had)
	}
	return is == had
}

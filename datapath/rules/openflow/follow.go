package openflow

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// follow makes the verdict if there is a path to it. If not, the verdict is to be reset; leads is false when it is
// known that there will be none.
func (p *paths) follow(t *Table, q *rules.Query, v *rules.Verdict) (ok, leads bool) {
	s := p.first[binary.BigEndian.Uint32(q.Key[flow.Base][flow.OffInPort:])].fit(q.Key, &v.Mask)
	if s == nil || !plain(q.Key) {
		return false, true
	}
	x := &p.at
	x.t, x.q, x.v, x.touched = t, q, v, flow.WordBit(flow.State, 0) // as xlate.start has it: free bits are those written
	p.enter(q.Key)
	for s.end == nil {
		if s.in == nil {
			return false, false
		}
		p.walk(s)
		r := x.find(s.in)
		if s = s.next[r].fit(q.Key, &v.Mask); s == nil {
			return false, true
		}
	}
	p.walk(s)
	e := s.end
	v.Tags, v.Rewrote = e.tags, e.rewrote
	v.Trail = append(v.Trail[:0], e.trail...)
	v.Actions.Become(e.words)
	x.finishMask()
	return true, true
}

// plain reports whether a key is that of a packet on its first way through the tables, which has nothing beside it.
func plain(k *flow.Key) bool {
	if binary.BigEndian.Uint32(k[flow.Base][flow.OffRecirc:]) != 0 {
		return false
	}
	for b := flow.Regs; b < flow.Blocks; b++ {
		if !k[b].IsZero() {
			return false
		}
	}
	return true
}

// enter makes the working key that of a packet, of which nothing is written.
func (p *paths) enter(k *flow.Key) {
	p.at.work = *k
	for ; p.wrote != 0; p.wrote &= p.wrote - 1 {
		p.at.written[bits.TrailingZeros16(p.wrote)] = flow.Block{}
	}
}

// fit returns the first stretch of a list that a packet fits, nil if there is none.
func (s *stretch) fit(k *flow.Key, mask *flow.Mask) *stretch {
	for s != nil && !s.fits(k, mask) {
		s = s.alt
	}
	return s
}

// fits reports whether a packet, of which the bits in mask were consulted, has what the stretch asks for.
func (s *stretch) fits(k *flow.Key, mask *flow.Mask) bool {
	if !agree(s.guard, k) || !agree(s.values, k) {
		return false
	}
	for _, n := range s.needs {
		if n.bits&^keyWord((*flow.Key)(mask), n.idx) != 0 {
			return false
		}
	}
	for _, l := range s.lacks {
		if l.bits&keyWord((*flow.Key)(mask), l.idx) != 0 {
			return false
		}
	}
	return true
}

// agree reports whether k has the bits as they are listed.
func agree(list []wordBits, k *flow.Key) bool {
	for _, w := range list {
		if (keyWord(k, w.idx)^w.value)&w.bits != 0 {
			return false
		}
	}
	return true
}

// walk brings the working key of a packet that fits to the end of a stretch, and consults what actions do.
func (p *paths) walk(s *stretch) {
	x := &p.at
	for _, g := range s.guard {
		setKeyWord((*flow.Key)(&x.v.Mask), g.idx, keyWord((*flow.Key)(&x.v.Mask), g.idx)|g.bits)
	}
	for i := range s.moves {
		m := &s.moves[i]
		m.do(x.q.Key, &x.work)
		m.consult(&x.v.Mask)
	}
	for _, w := range s.sets {
		setKeyWord(&x.work, w.idx, keyWord(&x.work, w.idx)&^w.bits|w.value)
	}
	for i := range s.written {
		x.written[s.written[i].b] = s.written[i].bits
		p.wrote |= 1 << s.written[i].b
	}
}

// do moves bits of the key to the working key.
func (m *moved) do(key, work *flow.Key) {
	dst := work.Bytes(m.dst)
	storeUint(dst, loadUint(dst)&^(m.ones<<m.to)|loadUint(key.Bytes(m.src))>>m.from&m.ones<<m.to)
}

// consult adds the bits that are moved to a mask.
func (m *moved) consult(mask *flow.Mask) {
	b := mask.Bytes(m.src)
	storeUint(b, loadUint(b)|m.ones<<m.from)
}

const (
	wordsOfBlock = flow.BlockSize / 8
	wordsOfKey   = flow.KeySize / 8
)

// keyWord returns 8 bytes of a key. Bits keep their place; the order of bytes does not matter.
func keyWord(k *flow.Key, i int) uint64 {
	return binary.LittleEndian.Uint64(k[i/wordsOfBlock][i%wordsOfBlock*8:])
}

func setKeyWord(k *flow.Key, i int, v uint64) {
	binary.LittleEndian.PutUint64(k[i/wordsOfBlock][i%wordsOfBlock*8:], v)
}

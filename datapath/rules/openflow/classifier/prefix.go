package classifier

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// tracked is the number of fields that have a prefix trie, all of them in stageL3.
const tracked = 4

// A prefixField is a field whose masks are mostly prefixes.
type prefixField struct {
	block, off int
	size       int // bytes: 4 or 16
}

var allOnes = bitString{^uint64(0), ^uint64(0)}

var prefixFields = [tracked]prefixField{
	// OVS asks for the destination first: so do we, to consult no bit that it would not.
	{flow.Base, flow.OffIPDst, 4}, {flow.Base, flow.OffIPSrc, 4},
	{flow.Net6, flow.OffIP6Dst, 16}, {flow.Net6, flow.OffIP6Src, 16},
}

func (f *prefixField) load(k *flow.Key) bitString {
	b := k[f.block][f.off:]
	if f.size == 4 {
		return bitString{hi: uint64(binary.BigEndian.Uint32(b)) << 32}
	}
	return bitString{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// length returns how many bits of the field a mask has, if they are its first ones; otherwise 0.
func (f *prefixField) length(m *flow.Mask) uint8 {
	v := f.load((*flow.Key)(m))
	n := uint8(bits.LeadingZeros64(^v.hi))
	if n == 64 {
		n += uint8(bits.LeadingZeros64(^v.lo))
	}
	if v != allOnes.first(n) {
		return 0
	}
	return n
}

// in reports whether mask has the first n bits of the field.
func (f *prefixField) in(mask *flow.Mask, n uint8) bool {
	ones, have := allOnes.first(n), f.load((*flow.Key)(mask))
	return ones.hi&^have.hi|ones.lo&^have.lo == 0
}

// consult adds the first n bits of the field to mask.
func (f *prefixField) consult(mask *flow.Mask, n uint8) {
	ones := allOnes.first(n)
	b := mask[f.block][f.off:]
	if f.size == 4 {
		binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)|uint32(ones.hi>>32))
		return
	}
	binary.BigEndian.PutUint64(b, binary.BigEndian.Uint64(b)|ones.hi)
	binary.BigEndian.PutUint64(b[8:], binary.BigEndian.Uint64(b[8:])|ones.lo)
}

// ruledOut reports whether an address shows that no rule with these prefix lengths matches; if freely,
// whether bits do that cost nothing. The bits that show it are consulted, those that are already if there
// is a choice, and none beside them, the EtherType excepted, so that a megaflow says what kind of address
// it is about.
//
// The trie knows the addresses of all rules and may have looked further than this subtable's length. Up
// to that length the address decides as well.
func (at *search) ruledOut(lengths *[tracked]uint8, freely bool) bool {
	first, bits := -1, uint8(0)
	for i, n := range lengths {
		if n == 0 {
			continue
		}
		f, t := &prefixFields[i], &at.tracks[i]
		if !t.known {
			*t = at.prefixes[i].lookup(f.load(at.key))
		}
		if t.has(n) {
			continue
		}
		need := min(t.bits, n)
		if f.in(at.mask, need) {
			return true
		}
		if first < 0 && (!freely || f.in(at.free, need)) {
			first, bits = i, need
		}
	}
	if first < 0 {
		return false
	}
	prefixFields[first].consult(at.mask, bits)
	if !freely {
		at.mask.SetExact(flow.FieldEthType)
	}
	return true
}

// A portTrie holds the ports that a subtable's rules name: source and destination as one string of 32
// bits, those that the mask has not being zero.
type portTrie struct {
	trie
	mask uint32
	len  uint8 // up to the last bit of mask
}

func loadPorts(b *flow.Block) uint32 { return binary.BigEndian.Uint32(b[flow.OffL4Src:]) }

// newPortTrie returns nil if the mask has no port.
func newPortTrie(m *flow.Mask) *portTrie {
	mask := loadPorts(&m[flow.Base])
	if mask == 0 {
		return nil
	}
	return &portTrie{mask: mask, len: uint8(32 - bits.TrailingZeros32(mask))}
}

func (p *portTrie) value(k *flow.Key) bitString {
	return bitString{hi: uint64(loadPorts(&k[flow.Base])&p.mask) << 32}
}

func (p *portTrie) insert(k *flow.Key) { p.trie.insert(p.value(k), p.len) }
func (p *portTrie) remove(k *flow.Key) { p.trie.remove(p.value(k), p.len) }

// ruledOut reports whether the ports alone show that no rule matches, and consults the bits that do; if
// freely, whether bits do that cost nothing.
func (p *portTrie) ruledOut(at *search, freely bool) bool {
	t := p.lookup(p.value(at.key))
	need := p.mask & uint32(allOnes.first(min(t.bits, p.len)).hi>>32)
	if t.has(p.len) || freely && need&^loadPorts(&at.free[flow.Base]) != 0 {
		return false
	}
	b := at.mask[flow.Base][flow.OffL4Src:]
	binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)|need)
	return true
}

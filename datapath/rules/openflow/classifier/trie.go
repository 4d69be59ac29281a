package classifier

import "math/bits"

// A bitString is up to 128 bits, the first one at the top of hi.
type bitString struct{ hi, lo uint64 }

// first returns the first n bits of b, the others zero.
func (b bitString) first(n uint8) bitString {
	switch {
	case n == 0:
		return bitString{}
	case n <= 64:
		return bitString{hi: b.hi & (^uint64(0) << (64 - n))}
	}
	return bitString{b.hi, b.lo & (^uint64(0) << (128 - n))}
}

// bit returns bit i, counted from the first.
func (b bitString) bit(i uint8) int {
	if i < 64 {
		return int(b.hi >> (63 - i) & 1)
	}
	return int(b.lo >> (127 - i) & 1)
}

// common returns how many bits a and b begin with in common.
func (b bitString) common(o bitString) uint8 {
	if d := b.hi ^ o.hi; d != 0 {
		return uint8(bits.LeadingZeros64(d))
	}
	return uint8(64 + bits.LeadingZeros64(b.lo^o.lo))
}

// A trie holds prefixes, each as often as it was inserted. The zero value is empty.
type trie struct{ root *node }

// A node stands for the bits that everything below it begins with. It has rules or two children: what
// would only lead to a single one is left out.
type node struct {
	prefix bitString
	child  [2]*node // by the bit behind prefix
	rules  int32    // whose prefix this is
	len    uint8    // bits in prefix
}

// insert adds a prefix of n bits; bits behind them are zero.
func (t *trie) insert(p bitString, n uint8) {
	at := &t.root
	for {
		old := *at
		if old == nil {
			*at = &node{prefix: p, len: n, rules: 1}
			return
		}
		same := min(p.common(old.prefix), n, old.len)
		switch {
		case same < old.len: // the ways part inside of old, or end there
			fork := &node{prefix: p.first(same), len: same}
			fork.child[old.prefix.bit(same)] = old
			*at = fork
			if same == n {
				fork.rules = 1
				return
			}
			at = &fork.child[p.bit(same)]
		case n == old.len:
			old.rules++
			return
		default:
			at = &old.child[p.bit(old.len)]
		}
	}
}

// remove takes out a prefix that was inserted.
func (t *trie) remove(p bitString, n uint8) {
	at := &t.root
	var parent **node
	for (*at).len < n {
		parent, at = at, &(*at).child[p.bit((*at).len)]
	}
	(*at).rules--
	prune(at)
	if parent != nil {
		prune(parent)
	}
}

// prune leaves out a node that is not needed any more.
func prune(at **node) {
	switch n := *at; {
	case n.rules > 0 || n.child[0] != nil && n.child[1] != nil:
	case n.child[0] != nil:
		*at = n.child[0]
	default:
		*at = n.child[1]
	}
}

// A track is what a trie says of a value.
type track struct {
	known   bool
	bits    uint8     // first bits of the value that the answer rests on
	lengths bitString // bit n-1: a prefix of n bits is one of the value's
}

// lookup tells which prefixes v begins with.
func (t *trie) lookup(v bitString) track {
	a := track{known: true}
	for n := t.root; n != nil; {
		same := v.common(n.prefix)
		if same < n.len {
			a.bits = same + 1
			break
		}
		a.bits = n.len
		if n.rules > 0 && n.len > 0 {
			a.add(n.len)
		}
		if n.len == 128 {
			break
		}
		next := n.child[v.bit(n.len)]
		if next == nil && n.child[1-v.bit(n.len)] != nil {
			a.bits++ // the bit that leads away from all there is
		}
		n = next
	}
	return a
}

func (a *track) add(n uint8) {
	if n <= 64 {
		a.lengths.hi |= 1 << (64 - n)
	} else {
		a.lengths.lo |= 1 << (128 - n)
	}
}

// has reports whether a prefix of n bits is one of the value's.
func (a *track) has(n uint8) bool { return a.lengths.bit(n-1) != 0 }

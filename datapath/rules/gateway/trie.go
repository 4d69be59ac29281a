package gateway

import "net/netip"

// A trie finds the longest prefix that an address is in, one bit a step. It tells how many bits of the
// address it has looked at: any other address with the same bits finds the same, so that a cached verdict
// rests on those bits only.
//
// Thread-safety: it does not change once all prefixes are in.
type trie struct {
	nodes []node // the first is the root
}

// A node stands for a prefix.
type node struct {
	child [2]int32 // 0: none
	value int32    // 0: no prefix ends here
}

// add enters a prefix with a value other than 0. A prefix that is there keeps its value.
func (t *trie) add(p netip.Prefix, value int32) {
	if len(t.nodes) == 0 {
		t.nodes = make([]node, 1)
	}
	addr := p.Masked().Addr().AsSlice()
	at := int32(0)
	for i := range p.Bits() {
		bit := addr[i/8] >> (7 - i%8) & 1
		next := t.nodes[at].child[bit]
		if next == 0 {
			next = int32(len(t.nodes))
			t.nodes[at].child[bit] = next
			t.nodes = append(t.nodes, node{})
		}
		at = next
	}
	if t.nodes[at].value == 0 {
		t.nodes[at].value = value
	}
}

// lookup returns the value of the longest prefix that addr is in, 0 if it is in none, and how many leading
// bits of addr that rests on.
func (t *trie) lookup(addr []byte) (value int32, bits int) {
	if len(t.nodes) == 0 {
		return 0, 0
	}
	at := &t.nodes[0]
	for {
		if at.value != 0 {
			value = at.value
		}
		if at.child == [2]int32{} {
			return value, bits
		}
		bit := addr[bits/8] >> (7 - bits%8) & 1
		bits++
		next := at.child[bit]
		if next == 0 {
			return value, bits
		}
		at = &t.nodes[next]
	}
}

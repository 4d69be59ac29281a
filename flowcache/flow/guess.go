package flow

// A Guess is a flow that most packets of a batch are thought to be of. Those that are need no key: to make one, and to hash it, takes longer
// than to see that they are.
type Guess struct {
	Mask, Want *Block // of the base block; Want is masked. Both stay as they are until the extraction is over.
	// Tunnel says that it does not matter whether a packet came out of a tunnel. Of those that did there is no guess without it.
	Tunnel bool
}

// Expect has the next extraction into k hold plain packets (IPv4 with TCP or UDP, as they mostly are) against g: see Keys.Same. Whoever needs
// the keys or hashes of all packets does not call it.
func (k *Keys) Expect(g Guess) { k.guess = g }

// current reports whether there is a guess that packets with these words 0 and 7 can be of. Word 6 is 0 in all packets that a switch has just
// received.
func (g *Guess) current(w0 uint64, w7 []uint64) bool {
	if g.Mask == nil || w0&g.Mask.word(0) != g.Want.word(0) || g.Want.word(6) != 0 {
		return false
	}
	for _, w := range w7 {
		if w&g.Mask.word(7) != g.Want.word(7) {
			return false
		}
	}
	return true
}

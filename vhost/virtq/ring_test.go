package virtq_test

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/vhost/virtq"
)

// Flags, written down once more from VIRTIO 1.2, so that the packages under test do not check themselves.
const (
	fNext     = 1
	fWrite    = 2
	fIndirect = 4
	fAvail    = 0x80
	fUsed     = 0x8000
)

// raw is a split or packed ring as a guest sees it that writes what it likes into its memory: the tests' way to
// break rules, which the driver package has none to.
type raw struct {
	*world
	avail uint16 // split: entries made available
	at    int    // packed: descriptor to write next
	flags uint16 // packed: flags of an available descriptor
}

func newRaw(w *world) *raw { return &raw{world: w, flags: fAvail} }

func (r *raw) field(addr, off uint64, n int) []byte { return r.memory[addr-userBase+off:][:n] }

// desc writes a descriptor of the table or ring; x is next or id, y flags in the layout's places.
func (r *raw) desc(i int, addr uint64, n uint32, x, y uint16) {
	encode(r.field(r.config.Desc, uint64(16*i), 16), addr, n, x, y)
}

func encode(b []byte, addr uint64, n uint32, x, y uint16) {
	binary.LittleEndian.PutUint64(b, addr)
	binary.LittleEndian.PutUint32(b[8:], n)
	binary.LittleEndian.PutUint16(b[12:], x)
	binary.LittleEndian.PutUint16(b[14:], y)
}

// index sets a split ring's available index.
func (r *raw) index(v uint16) { binary.LittleEndian.PutUint16(r.field(r.config.Driver, 2, 2), v) }

// head makes the chain at a split ring's descriptor available.
func (r *raw) head(head uint16) {
	mask := uint16(r.config.Size - 1)
	binary.LittleEndian.PutUint16(r.field(r.config.Driver, 4+2*uint64(r.avail&mask), 2), head)
	r.avail++
	r.index(r.avail)
}

// link is one descriptor of a chain, for either layout. Indirect ones name a table.
type link struct {
	addr  uint64
	n     uint32
	flags uint16 // fNext, fWrite, fIndirect
	next  int    // split: the next descriptor; 0: the one behind
	table []link
}

// chain writes links into the ring from descriptor 0 on, or where a packed ring goes on, and makes them available
// as one chain. Indirect tables go behind the buffers, if they do not say where.
func (r *raw) chain(links ...link) {
	for i, l := range links {
		if l.table != nil {
			if l.addr == 0 {
				l.addr = r.data + 0x10000 + uint64(i)*0x1000
			}
			for k, e := range l.table {
				r.entry(l.addr, k, e)
			}
			if l.n == 0 {
				l.n = uint32(16 * len(l.table))
			}
		}
		r.link(i, l)
	}
	if !r.shape.packed {
		r.head(0)
	}
}

// link writes descriptor i of a chain.
func (r *raw) link(i int, l link) {
	if !r.shape.packed {
		r.desc(i, l.addr, l.n, l.flags, l.follower(i))
		return
	}
	r.desc(r.at, l.addr, l.n, uint16(l.next), l.flags|r.flags)
	if r.at++; r.at == r.config.Size {
		r.at, r.flags = 0, r.flags^(fAvail|fUsed)
	}
}

// entry writes descriptor i of the table at addr.
func (r *raw) entry(addr uint64, i int, l link) {
	b := r.world.at(addr+uint64(16*i), 16)
	if r.shape.packed {
		encode(b, l.addr, l.n, 0, l.flags)
	} else {
		encode(b, l.addr, l.n, l.flags, l.follower(i))
	}
}

func (l link) follower(i int) uint16 {
	if l.next == 0 {
		return uint16(i + 1)
	}
	return uint16(l.next)
}

// kindOf returns the kind of the error that a Take ended with, 0 if it did not.
func kindOf(err error) virtq.Kind {
	if e, ok := err.(*virtq.Error); ok {
		return e.Kind
	}
	return 0
}

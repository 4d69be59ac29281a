package encap

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// An end is what the outer headers say about which tunnel a packet is of. IPv4 addresses are in the lower 32 bits.
type end struct {
	src, dst [2]uint64 // in the host's byte order
	where    uint64    // see below
	mac      uint64    // destination Ethernet address, see macOf
}

// The parts of where: the key in bits 0 to 31, the VLAN identifier in 32 to 43, then flags, the UDP port in 48 to 63.
const (
	whereKey             = 1<<32 - 1
	whereVLAN            = 32
	whereV6       uint64 = 1 << 44
	whereGRE      uint64 = 1 << 45
	whereERSPAN   uint64 = 1 << 46
	whereFragment uint64 = 1 << 47 // of a packet that may have any port, or be ERSPAN
	wherePort            = 48
)

// A table finds values by ends. It does not change once it is made.
type table struct {
	slots []slot // a power of two, at least twice as many as there are entries
	seed  seed
}

// A seed keys the hash of ends, so that those who send packets cannot choose which collide.
type seed [4]uint64

func newSeed() (s seed) {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process when the kernel has no randomness
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[i*8:])
	}
	return s
}

// hash returns a hash of e. The Ethernet address is left out: it follows from the rest, for packets that have a tunnel here.
func (s *seed) hash(e *end) uint64 {
	a, b := bits.Mul64(e.src[1]^s[0], e.dst[1]^s[1])
	if e.where&whereV6 != 0 {
		c, d := bits.Mul64(e.src[0]^s[2], e.dst[0]^s[3])
		a, b = a^d, b^c
	}
	c, d := bits.Mul64(a^b^e.where^s[2], s[3]|1)
	return c ^ d
}

// A slot is empty when its value is nil.
type slot struct {
	end
	value *Tunnel
}

// newTable returns an empty table for n entries.
func newTable(n int) table {
	return table{slots: make([]slot, 2<<bits.Len(uint(n))), seed: newSeed()}
}

// hash returns where e would be.
func (t *table) hash(e *end) uint64 { return t.seed.hash(e) }

// put enters a value unless there is one already, which it returns then.
func (t *table) put(e *end, value *Tunnel) (old *Tunnel) {
	for i := t.hash(e); ; i++ {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		if s.value == nil {
			*s = slot{*e, value}
			return nil
		}
		if s.end == *e {
			return s.value
		}
	}
}

// find returns the value of e, which hashes to h; nil if there is none.
func (t *table) find(e *end, h uint64) *Tunnel {
	for i := h; ; i++ {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		if s.value == nil || s.end == *e {
			return s.value
		}
	}
}

package encap

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
)

// NumCounters is the number of counters there are for sequence numbers.
const NumCounters = 4096

// Counters are what packets are numbered by, whoever sends them. The zero value is ready; NewCounters makes
// identifications that nobody can guess.
//
// Thread-safety: for all goroutines.
type Counters struct {
	id       atomic.Uint32
	mul, add uint32
	seq      [NumCounters]atomic.Uint32
}

// NewCounters returns counters whose identifications of fragmented packets are no more predictable than 64 secret bits
// make them (RFC 7739 section 5.3).
func NewCounters() *Counters {
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process when the kernel has no randomness
	return &Counters{mul: binary.LittleEndian.Uint32(b[:]), add: binary.LittleEndian.Uint32(b[4:])}
}

// ids returns the first of n identifications; the next are one step behind the other.
func (k *Counters) ids(n int) (first, step uint32) {
	// An odd number has an inverse: in 2^32 identifications, as in their lower 16 bits, each comes once.
	step = k.mul | 1
	return (k.id.Add(uint32(n))-uint32(n))*step + k.add, step
}

package encap

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"

	"github.com/culvertdev/culvert/encap/wire"
)

// NumCounters is the number of counters there are for sequence numbers.
const NumCounters = 4096

// numIDs is how many counters those who send and those they send to share for identifications: a power of two.
const (
	numIDs   = 1 << bitsOfID
	bitsOfID = 10
)

// Counters are what packets are numbered by, whoever sends them. The zero value is ready; NewCounters makes
// identifications that nobody can guess.
//
// Thread-safety: for all goroutines.
type Counters struct {
	key sipKey // constant
	ids [numIDs]atomic.Uint32
	seq [NumCounters]atomic.Uint32
}

// NewCounters returns counters with a secret of their own.
func NewCounters() *Counters {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process when the kernel has no randomness
	return &Counters{key: sipKey{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}}
}

// An identity is how the packets are numbered that one address sends to another with one protocol: the same identification
// must not be there twice (RFC 6864 section 4.3, RFC 8200 section 4.5). Where they begin, how far one is from the next and
// which counter they have is the secret's, so who gets some of them, or sees that others count, knows none of another identity
// (RFC 7739 section 5.3, which adds the hash alone).
type identity struct {
	counter   *atomic.Uint32
	add, step uint32
}

// identity returns how packets with such an IP header are numbered.
func (k *Counters) identity(ip []byte) identity {
	le := binary.LittleEndian
	var h uint64
	if ip[0]>>4 == 4 {
		h = k.key.hash(le.Uint64(ip[wire.IPv4Src:]), uint64(ip[wire.IPv4Protocol]))
	} else {
		a := ip[wire.IPv6Src : wire.IPv6Src+32]
		h = k.key.hash(le.Uint64(a), le.Uint64(a[8:]), le.Uint64(a[16:]), le.Uint64(a[24:]), uint64(ip[wire.IPv6Next]))
	}
	// An odd step has an inverse: in 2^32 identifications, as in their lower 16 bits, each comes once.
	return identity{&k.ids[h*0x9e3779b97f4a7c15>>(64-bitsOfID)], uint32(h >> 32), uint32(h) | 1}
}

// take returns the first of n identifications; the next are one step behind the other.
func (i identity) take(n int) (first uint32) {
	return (i.counter.Add(uint32(n))-uint32(n))*i.step + i.add
}

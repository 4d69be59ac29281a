package pmd

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/ring/frame"
)

// Take is a set of things that a sender may leave to whoever takes its packets: see [frame.Offload].
type Take uint32

// What there is to take.
const (
	TakeCsum Take = 1 << iota // a checksum that is not complete
	TakeTSO4                  // TCP over IPv4, to be cut into segments
	TakeTSO6                  // TCP over IPv6
	TakeECN                   // TCP to be cut whose first segment alone has CWR set (RFC 3168 section 6.1.2)
	TakeUSO                   // UDP datagrams over IPv4 or IPv6, to be cut from each other

	takeOther Take = 1 << 31 // what no transmit side takes
)

// Needs returns what a transmit side has to take so that a packet may leave by it as it is.
func Needs(o *frame.Offload) Take {
	var n Take
	if o.Csum&frame.NeedsCsum != 0 {
		n = TakeCsum
	}
	switch o.GSO &^ frame.GSOECN {
	case frame.GSONone:
		return n
	case frame.GSOTCPv4:
		n |= TakeTSO4
	case frame.GSOTCPv6:
		n |= TakeTSO6
	case frame.GSOUDPL4:
		n |= TakeUSO
	default:
		n |= takeOther
	}
	if o.GSO&frame.GSOECN != 0 {
		n |= TakeECN
	}
	return n
}

// Takes is what the transmit side of a port takes at the moment. That changes with whoever is at the other
// end. The zero value takes nothing.
//
// Thread-safety: the port sets it, anybody asks.
type Takes struct{ set atomic.Uint32 }

// Set says what the transmit side takes from now on. Packets that were sent on the strength of what it took
// before may still come: its queues look again, and drop what nobody can take any more.
func (t *Takes) Set(v Take) { t.set.Store(uint32(v)) }

// All reports whether all of n is taken. A nil Takes takes nothing.
func (t *Takes) All(n Take) bool {
	if t == nil {
		return n == 0
	}
	return n&^Take(t.set.Load()) == 0
}

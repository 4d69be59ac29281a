// Package gate lets workers into a ring and keeps them out while the ring is changed.
package gate

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Bits of a gate; both may be set while somebody who shuts it waits for a worker to leave.
const (
	inside uint32 = 1 // a worker is inside
	shut   uint32 = 2 // nobody may enter
)

// A Gate lets one goroutine at a time have a ring: a worker for the length of one call, or the session that changes
// what the ring is made of. The zero value is open.
//
// Thread-safety: Enter, Leave and Bar are for workers; TryEnter is for anybody; Shut, and Open after it, for the session.
type Gate struct{ state atomic.Uint32 }

// Enter reports whether the ring is the caller's until Leave. While another worker has it, it waits.
func (g *Gate) Enter() bool {
	for !g.state.CompareAndSwap(0, inside) {
		if g.state.Load()&shut != 0 {
			return false
		}
		runtime.Gosched()
	}
	return true
}

// TryEnter is Enter that does not wait, for who is not a worker and looks at the ring: busy says that a worker has it, which may be
// for as long as the kernel keeps that one.
func (g *Gate) TryEnter() (in, busy bool) {
	if g.state.CompareAndSwap(0, inside) {
		return true, false
	}
	return false, g.state.Load()&shut == 0
}

// Leave ends what Enter or TryEnter began.
func (g *Gate) Leave() { g.state.And(^inside) }

// Bar shuts the gate from inside: whoever has it found that the ring is of no use any more. Leave follows.
func (g *Gate) Bar() { g.state.Or(shut) }

// IsOpen reports whether workers may enter: a cheap look, out of date when it returns.
func (g *Gate) IsOpen() bool { return g.state.Load()&shut == 0 }

// Shut lets nobody in any more and returns when nobody is inside. A worker is inside for some microseconds.
func (g *Gate) Shut() {
	g.state.Or(shut)
	for g.state.Load()&inside != 0 {
		time.Sleep(time.Microsecond)
	}
}

// Open lets workers in. The gate has been shut before, or barred and then shut.
func (g *Gate) Open() { g.state.Store(0) }

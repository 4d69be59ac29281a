package soak

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A gate lets pieces of traffic through, or none while somebody wants quiet.
//
// Thread-safety: all methods are safe for concurrent use.
type gate struct{ mu sync.RWMutex }

// piece runs f unless the gate is shut; then it waits.
func (g *gate) piece(f func()) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	f()
}

// shut waits until no piece runs and lets none begin until open.
func (g *gate) shut() { g.mu.Lock() }
func (g *gate) open() { g.mu.Unlock() }

// A tally counts by name.
//
// Thread-safety: all methods are safe for concurrent use; the zero value is ready.
type tally struct {
	mu sync.Mutex
	n  map[string]uint64
}

func (t *tally) add(name string, n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = make(map[string]uint64)
	}
	t.n[name] += n
}

// all returns a copy.
func (t *tally) all() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]uint64, len(t.n))
	for k, v := range t.n {
		all[k] = v
	}
	return all
}

// pause sleeps for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// between returns a random time from a to b.
func between(r *rand.Rand, a, b time.Duration) time.Duration {
	return a + time.Duration(r.Int64N(int64(b-a)+1))
}

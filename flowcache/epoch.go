package flowcache

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// offline is what a reader that holds nothing says it has seen: more than any epoch.
const offline = math.MaxUint64

// How long Wait looks before it sleeps, and how long it sleeps. A busy worker ticks every few
// microseconds; one that was preempted comes back after tens to hundreds.
const (
	waitSpins    = 64
	waitSleepMin = 10 * time.Microsecond
	waitSleepMax = time.Millisecond
)

// Epochs tell when no reader can hold any more what a writer took out of reach: grace periods, as RCU
// calls them. The zero value is ready.
//
// The writer takes something out of reach, then calls Advance and keeps the stamp it got; when Passed
// says so for that stamp, whatever was out of reach before the stamp may be used again. A reader says
// at each Tick that it holds nothing; it takes no lock and writes only its own cache line, and that
// only when there was an Advance since its last Tick.
//
// Thread-safety: all methods are safe for concurrent use.
type Epochs struct {
	now     atomic.Uint64 // written by whoever advances
	_       [56]byte      // readers look at now in every cycle: the rest is on another line
	mu      sync.Mutex    // guards changes of the list
	readers atomic.Pointer[[]*Epoch]
}

// An Epoch is one reader's part of Epochs.
//
// Thread-safety: Tick, Online and Offline are for the one goroutine that reads, Unregister for
// whoever knows that this goroutine reads no more.
type Epoch struct {
	_      [64]byte
	seen   atomic.Uint64 // written by the reader alone
	_      [56]byte
	epochs *Epochs
}

// Register adds a reader, which is online from the start.
func (e *Epochs) Register() *Epoch {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := &Epoch{epochs: e}
	p.seen.Store(e.now.Load())
	list := append(slices.Clone(e.list()), p)
	e.readers.Store(&list)
	return p
}

// Unregister removes the reader, which must hold nothing any more.
func (p *Epoch) Unregister() {
	e := p.epochs
	e.mu.Lock()
	defer e.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(e.list()), func(q *Epoch) bool { return q == p })
	e.readers.Store(&list)
}

// Tick says that the reader holds nothing it read before. Once per poll cycle.
func (p *Epoch) Tick() {
	if now := p.epochs.now.Load(); now != p.seen.Load() {
		p.seen.Store(now)
	}
}

// Offline says that the reader holds nothing and will read nothing until Online: nobody waits for it.
func (p *Epoch) Offline() { p.seen.Store(offline) }

// Online ends Offline. It must come before the next read.
func (p *Epoch) Online() { p.Tick() }

// Now returns the stamp of the latest Advance.
func (e *Epochs) Now() uint64 { return e.now.Load() }

// Advance begins a new epoch and returns its stamp. Everything put out of reach before the call is
// free of readers once Passed reports true for the stamp.
func (e *Epochs) Advance() uint64 { return e.now.Add(1) }

// Passed reports whether every reader has ticked since the Advance that returned stamp, or is offline.
func (e *Epochs) Passed(stamp uint64) bool { return e.oldest() >= stamp }

// Wait returns when stamp has passed, or with ctx's error.
func (e *Epochs) Wait(ctx context.Context, stamp uint64) error {
	for range waitSpins {
		if e.Passed(stamp) {
			return nil
		}
	}
	for sleep := waitSleepMin; !e.Passed(stamp); sleep = min(2*sleep, waitSleepMax) {
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(sleep)
	}
	return nil
}

// Synchronize returns when no reader holds anything that was put out of reach before the call, or
// with ctx's error.
func (e *Epochs) Synchronize(ctx context.Context) error { return e.Wait(ctx, e.Advance()) }

// oldest returns the highest stamp that has passed.
func (e *Epochs) oldest() uint64 {
	oldest := uint64(offline)
	for _, p := range e.list() {
		oldest = min(oldest, p.seen.Load())
	}
	return oldest
}

func (e *Epochs) list() []*Epoch {
	if l := e.readers.Load(); l != nil {
		return *l
	}
	return nil
}

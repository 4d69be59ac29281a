package rules

import (
	"errors"
	"sync"
)

// A Prompt is a Table that workers ask themselves, between two poll cycles: its look-ups take microseconds, and those with
// Query.NoWait never wait. Other tables are asked by a thread beside the workers, as long as there is one.
type Prompt interface {
	Table
	// TryCredit is Credit if that need not wait. Otherwise it does nothing and reports false, and a thread that may wait calls
	// Credit.
	TryCredit(trail []uint64, packets, bytes uint64, lastUsed int64) bool
}

// ErrWait is returned by a look-up that is not to wait (Query.NoWait) and would have to.
var ErrWait = errors.New("the look-up would have to wait")

// RLock locks mu for reading, for a look-up. It reports false if the look-up is not to wait and would have to.
func (q *Query) RLock(mu *sync.RWMutex) bool {
	if q.NoWait {
		return mu.TryRLock()
	}
	mu.RLock()
	return true
}

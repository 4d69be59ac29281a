package soak

import (
	"fmt"
	"sync"
	"time"
)

// maxFailures is how many failures are kept; of more there is only the number.
const maxFailures = 200

// A Failure is something that must not happen.
type Failure struct {
	Seconds float64 `json:"seconds"` // since the start
	What    string  `json:"what"`
}

// A journal is what failed.
//
// Thread-safety: all methods are safe for concurrent use.
type journal struct {
	start time.Time
	tell  func(Failure)

	mu   sync.Mutex
	list []Failure
	n    int
}

func (j *journal) add(format string, args ...any) {
	f := Failure{Seconds: time.Since(j.start).Seconds(), What: fmt.Sprintf(format, args...)}
	j.mu.Lock()
	j.n++
	if len(j.list) < maxFailures {
		j.list = append(j.list, f)
	}
	j.mu.Unlock()
	j.tell(f)
}

// count returns how many failures there were.
func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.n
}

// all returns the failures kept.
func (j *journal) all() []Failure {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Failure{}, j.list...)
}

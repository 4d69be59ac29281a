package datapath

import "time"

const (
	// leisureShare is the part of the time in which packets come that a worker has for the slow path, inverted.
	leisureShare = 16
	// leisureMost is the most that it saves up: what a port's turn takes.
	leisureMost = int64(64 * time.Microsecond)
)

// leisure is the time that a worker may spend on the slow path while a thread is there to help: all in which no packets came,
// and a sixteenth of the other, so that the first packets of a few flows go on at once and those of many take nothing from
// packets of flows that are cached. The zero value has none.
type leisure struct {
	credit int64 // ns; below zero it is owed
	since  int64 // ns, when the current poll cycle began
	busy   bool  // packets came in it
}

// cycle books the poll cycle that ends now.
func (s *leisure) cycle(now int64) {
	gain := now - s.since
	if s.busy {
		gain /= leisureShare
	}
	s.credit = min(s.credit+gain, leisureMost)
	s.since, s.busy = now, false
}

// spend books time spent, in nanoseconds.
func (s *leisure) spend(ns int64) { s.credit = max(s.credit-ns, -leisureMost) }

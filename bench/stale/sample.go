package main

import (
	"fmt"
	"slices"
	"time"
)

// A sample is what one start of a switch brought.
type sample struct {
	name, version string
	cached        string        // flows, as the switch says it
	call          time.Duration // until the switch said that it had changed the rule
	stale         time.Duration // until the last packet by the old rule came out, to a millisecond or so
}

func (s sample) String() string {
	return fmt.Sprintf("%s %s (%s): changed after %s, last packet by the old rule after %s",
		s.name, s.version, s.cached, s.call.Round(time.Millisecond), s.stale.Round(time.Millisecond))
}

// median returns the medians of a switch's samples, the upper ones where they are even in number.
func median(name string, all []sample) string {
	var call, stale []time.Duration
	for _, s := range all {
		if s.name == name {
			call, stale = append(call, s.call), append(stale, s.stale)
		}
	}
	slices.Sort(call)
	slices.Sort(stale)
	i := len(call) / 2
	return fmt.Sprintf("median of %d, %s: changed after %s, last packet by the old rule after %s",
		len(call), name, call[i].Round(time.Millisecond), stale[i].Round(time.Millisecond))
}

package main

import (
	"fmt"
	"time"
)

// A sample is what one start of a switch brought.
type sample struct {
	name, version string
	config        []string
	cached        string        // flows, as the switch says it
	call          time.Duration // until the switch said that it had changed the rule
	stale         time.Duration // until the last packet by the old rule came out, to a millisecond or so
}

func (s sample) String() string {
	return fmt.Sprintf("%s %s (%s): changed after %s, last packet by the old rule after %s",
		s.name, s.version, s.cached, s.call.Round(time.Millisecond), s.stale.Round(time.Millisecond))
}

package main

import (
	"context"
	"os/exec"
)

// A place is where a switch runs: between the two sockets of the generator, to which it connects.
type place struct {
	dir     string // for its files
	sockets [2]string
	spawn   func(*exec.Cmd) error
}

// A contender is a switch to be measured.
type contender interface {
	name() string
	// missing says why it cannot run here, nil if it can.
	missing() error
	// start starts it, forwarding nothing yet: port 1 at the first socket, port 2 at the second.
	start(ctx context.Context, p place) (running, error)
}

// running is a switch with two ports.
type running interface {
	version() string
	pid() int
	// forward puts rules in the place of what there is. A contender without look-ups takes none: it forwards.
	forward(ctx context.Context, rules []string) error
	// clear begins to count anew what account tells.
	clear(ctx context.Context) error
	// account says how packets were looked up since, and what share of them by what the row is about, from 0 to 1.
	account(ctx context.Context, r row) (how string, share float64, err error)
	// cycles is what a packet costs by the switch's own count; 0 when it has none.
	cycles(ctx context.Context) float64
	// stages are where these go, in the order of a packet's way; none when it does not say.
	stages(ctx context.Context) []stage
	stop() error
}

// Package switches starts the switches that the bench measures, each between the ports of a [Scene], gives them
// rules, and asks them what they have counted.
//
// Thread-safety: one goroutine at a time.
package switches

import (
	"context"

	"github.com/culvertdev/culvert/bench/result"
)

// A Switch is one that can be measured.
type Switch interface {
	Name() string
	// Missing says why it cannot run here, nil if it can.
	Missing() error
	// Start starts it in a scene, with no rules but to drop everything.
	Start(ctx context.Context, s Scene) (Running, error)
}

// Running is a switch between the ports of a scene.
type Running interface {
	Version() string
	// Config says, in lines, what about it differs from its defaults. It is the same in every run of the same scene.
	Config() []string
	// PID is its process; 0 when it has none that is known.
	PID() int
	// Forward puts rules, in the syntax of ovs-ofctl(8), in the place of what there is. A switch without look-ups takes
	// none: it forwards from one port to the other. It is an error when the switch cannot do what they say.
	Forward(ctx context.Context, rules []string) error
	// Clear begins to count anew what Account tells.
	Clear(ctx context.Context) error
	Account(ctx context.Context) (Account, error)
	// Restart stops it as an operator does, starts it again, and gives it the rules that it had.
	Restart(ctx context.Context) error
	Stop() error
}

// A Resetter is one that can be reset: it ends as by a crash, is started again, and gets the rules that it had.
type Resetter interface {
	Reset(ctx context.Context) error
}

// An Account is what a switch has counted since it was told to Clear.
type Account struct {
	Text   string  // how packets were looked up, for people
	Shares *Shares // the same in figures; nil when it does not say
	Cycles float64 // what a packet costs while the switch is busy, of the time stamp counter; 0 when it does not say
	Stages []result.Stage
}

// Shares are the shares of packets that were looked up in one way, from 0 to 1.
type Shares struct {
	Port     float64 // by their port alone
	Latest   float64 // in the flow of the packet before them
	Exact    float64 // in the exact-match cache
	Megaflow float64 // under masks
	New      float64 // in no cache: the rules were asked
}

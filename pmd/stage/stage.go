// Package stage tells where a worker's time goes: to which of the stages that packets pass through.
//
// One busy poll cycle in [Every] is timed, all of it, with one look at the cycle counter whenever a stage ends. The others cost a
// branch for each stage and batch.
package stage

import "github.com/culvertdev/culvert/ring/counter"

// A Stage is a part of what a worker does with packets.
type Stage uint8

// The stages, in the order in which packets meet them.
const (
	Rest        Stage = iota // what is none of the others: the poll cycle itself
	Receive                  // queues are looked at and packets taken
	Decapsulate              // outer headers are taken off
	Parse                    // keys are read out of headers, partial checksums completed
	Port                     // packets of a port that all have the same flow
	Exact                    // the exact-match cache
	Megaflow                 // the megaflow cache, and the exact-match cache learns from it
	Slow                     // packets go to the slow path, wait for it, and come back
	Actions                  // programs are carried out
	Encapsulate              // outer headers are put on
	Transmit                 // packets leave
	Count                    // how many there are
)

var table = [Count]counter.Desc{
	Rest:        {Name: "rest", Help: "The poll cycle itself."},
	Receive:     {Name: "receive", Help: "Queues are looked at and packets taken."},
	Decapsulate: {Name: "decapsulate", Help: "Outer headers are taken off."},
	Parse:       {Name: "parse", Help: "Keys are read out of headers."},
	Port:        {Name: "port", Help: "Packets of a port that all have the same flow are told from others."},
	Exact:       {Name: "exact_match", Help: "The exact-match cache is asked."},
	Megaflow:    {Name: "megaflow", Help: "The megaflow cache is asked."},
	Slow:        {Name: "slow_path", Help: "Packets go to the slow path and come back."},
	Actions:     {Name: "actions", Help: "Actions are carried out."},
	Encapsulate: {Name: "encapsulate", Help: "Outer headers are put on."},
	Transmit:    {Name: "transmit", Help: "Packets leave."},
}

// String returns the stage's name, lower case words joined by underscores.
func (s Stage) String() string {
	if s >= Count {
		return "none"
	}
	return table[s].Name
}

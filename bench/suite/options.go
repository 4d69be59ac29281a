// Package suite is the bench as a whole: which rows there are, which switches take part in each, whose turn it is, and what is kept of it.
//
// Contenders of a row take turns, A B B A, each with a fresh switch and a fresh generator. A run is kept window by window, so that it goes
// on where it was broken off, and ends when its time is up.
//
// Thread-safety: one run at a time.
package suite

import (
	"io"
	"time"

	"github.com/culvertdev/culvert/bench/switches"
)

// Options say what is measured.
type Options struct {
	Culvert  string         // path of its program, which is the generator's, too
	Ports    string         // options of Culvert's ports, as in YAML, such as "gather: 0s"
	Config   string         // more lines of Culvert's configuration
	Own      []switches.Own // the user's own
	Only     []string       // switches by name; none: all that are here
	Rows     []string       // by ID, as patterns of path.Match; none: all that need not be asked for
	Rings    []string       // split, packed
	Sizes    []int          // bytes, with frame check sequence
	Rounds   int            // of A B B A, at most
	Budget   time.Duration  // no cell begins that would end later; 0: whatever it takes
	Warm     time.Duration  // of traffic before a window
	Window   time.Duration  // of each measurement
	Patience time.Duration  // to wait before each window until others leave the CPUs alone; 0 takes every window as it is
	Rate     int            // single packets a second in the row about latency
	Buffers  int            // of testpmd as generator; 0: its many, which keep its caches cold; 16384 keep them warm
	Perf     bool           // say where a switch's time goes, by perf
	Plan     bool           // print the plan and measure nothing
	File     string         // where the run is kept; "" keeps it in memory
	Commands []string       // that repeat the run
	Out      io.Writer
}

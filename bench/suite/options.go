// Package suite is the bench as a whole: which rows there are, which switches take part in each, whose turn it is, and what is kept of it.
//
// Contenders of a row take turns, A B B A. Where it can be they all run beside each other, and all but the one whose turn it is are stopped
// ([match]); else each window has a fresh switch and a fresh generator. A run is kept as it grows, so that it goes on where it was broken
// off, and ends when its time is up.
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
	Other    string         // path of another build of it, which is measured beside it as culvert-other; "": there is none
	Ports    string         // options of Culvert's ports, as in YAML, such as "gather: 0s"
	Config   string         // more lines of Culvert's configuration
	Own      []switches.Own // the user's own
	Only     []string       // switches by name; none: all that are here
	Rows     []string       // by ID, as patterns of path.Match; none: all that need not be asked for
	Rings    []string       // split, packed
	Sizes    []int          // bytes, with frame check sequence
	Rounds   int            // how often a switch is started for a cell, at most: rounds in turns, or half as many of A B B A with fresh switches
	Budget   time.Duration  // no cell begins that would end later; 0: whatever it takes
	Warm     time.Duration  // of traffic before a window of a fresh switch, and before a switch's first in turns
	Window   time.Duration  // of each measurement
	Turns    int            // windows of a switch, in a round of a row in turns; 0: all rows have windows of fresh switches
	Turn     time.Duration  // of each of these
	Settle   time.Duration  // of traffic before each of these, but for the first
	Patience time.Duration  // to wait before each window until others leave the CPUs alone; 0 takes every window as it is
	Rate     int            // single packets a second in the row about latency
	Testpmd  bool           // is the generator of rows both ways, as fast as it goes; else our own is
	Buffers  int            // of testpmd as generator; 0: its many, which keep its caches cold. The rings of two ports hold 4096
	Nice     int            // value of all processes of the switches, from -20 to 0; the generator has this process's
	Perf     bool           // say where a switch's time goes, by perf
	Plan     bool           // print the plan and measure nothing
	File     string         // where the run is kept; "" keeps it in memory
	Commands []string       // that repeat the run
	Out      io.Writer
}

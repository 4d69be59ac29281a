// Package meter holds the meters of a switch: token buckets that any number of workers share.
//
// It knows no rule language: tables name their meters as they like, add them to the [Store] and put the
// slot they got into their programs (action.OpMeter). Workers ask [Store.Run] once per batch and meter.
//
// # How a bucket is shared
//
// A band's bucket fills with time at its rate up to its burst. Its tokens are exact, fractions of a bit
// or a packet: none is lost or made up by rounding, however often workers ask. Were there one heap of
// tokens that workers take from as they come, the worker that comes most often would find every token
// first, and one that comes with large batches, but seldom, next to none. So what a bucket gains is dealt
// out in equal parts to the workers that have asked within the last 10 ms. Each may save up its part
// until its next batch, to a quarter of the burst divided by the number of workers; what it cannot save,
// and all of it when the burst is too small for saving, goes to a common heap that serves whoever needs more
// than its own. So a worker always gets its equal part of the rate, those that need less leave the rest to
// those that need more, and one alone gets everything.
//
// Nothing is locked. Counters and savings lie in rows of one worker each; the words that workers share
// are touched once per batch, and by batches that cannot pay from savings only.
package meter

import (
	"errors"
	"fmt"
)

// Limits, those of Open vSwitch 3.1's userspace datapath (ovs-ofctl meter-features).
const (
	MaxMeters = 1 << 18 // meters of a switch
	MaxBands  = 8       // bands of a meter
)

// Errors of Store.
var (
	ErrFull  = errors.New("as many meters as there is room for")
	ErrBands = fmt.Errorf("more than %d bands", MaxBands)
	ErrGone  = errors.New("no such meter")
)

// A Meter is what a meter does (OpenFlow 1.3.5, section 5.7).
type Meter struct {
	Packets bool // rates are in packets/s and bursts in packets; else in kbit/s (1000 bits) and kbit
	// Bands drop what exceeds their rate. A packet that exceeds several counts as dropped by that with the
	// highest rate. A meter without bands only counts.
	Bands []Band
}

// A Band is a rate at which packets are dropped. The bytes of a packet are those of its Ethernet header
// and all behind it, as in Open vSwitch.
type Band struct {
	Rate  uint32 // kbit/s or packets/s
	Burst uint32 // kbit or packets; 0 means as much as Rate lets through in a second
}

// Stats is what a meter has counted since it was added.
type Stats struct {
	Packets, Bytes uint64 // that came to it
	Bands          []BandStats
}

// BandStats is what one band has dropped.
type BandStats struct{ Packets, Bytes uint64 }

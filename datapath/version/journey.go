package version

import (
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/ring/slab"
)

// maxSteps is how many look-ups a journey remembers: one, and those of a packet that is taken up again 8 times.
const maxSteps = 9

// A Step is a verdict that a packet has met.
type Step struct {
	Slot    flowcache.Slot // of the flow it came of; 0: it was not cached
	Life    uint32         // of the slot: flowcache.Megaflow.Life
	Actions flowcache.ListID
}

// A Journey is what a packet has met so far. The zero value is that of a packet which has met nothing that binds it.
type Journey struct {
	// At is a number in which all of it stands; 0: none does yet. If it was settled, every flow that is not of a later
	// number stands in it, too; otherwise At was ahead, and only flows of the same number are known to.
	at    Number
	ahead bool
	n     uint8
	steps [maxSteps]Step
}

// At returns a number in which all that the packet has met stands; 0: it has met nothing.
func (j *Journey) At() Number { return j.at }

// Steps returns what the packet has met.
func (j *Journey) Steps() []Step { return j.steps[:j.n] }

// Begin makes it the journey of a packet that has met a first flow, or that begins anew. version is the flow's, and
// settled was settled before the flow was found.
func (j *Journey) Begin(version, settled Number, s Step) {
	j.n = 0
	if j.at, j.ahead = settled, false; !version.UpTo(settled) {
		j.at, j.ahead = version, true
	}
	j.Add(s)
}

// Clear makes it the journey of a packet that has met nothing.
func (j *Journey) Clear() { j.at, j.n = 0, 0 }

// Meets reports whether a flow of a version stands in what the packet has met, as far as numbers tell.
func (j *Journey) Meets(version Number) bool {
	return version == j.at || !j.ahead && version.UpTo(j.at)
}

// Add adds a verdict that stands.
func (j *Journey) Add(s Step) {
	if j.n < maxSteps {
		j.steps[j.n] = s
		j.n++
	}
}

// Move makes n the version: all that the packet has met stands in it.
func (j *Journey) Move(n Number) { j.at, j.ahead = n, true }

// Journeys are those of all packets of an arena. They take 116 bytes for each buffer, touched as packets are
// taken up again.
//
// Thread-safety: a packet's journey is its owner's.
type Journeys struct {
	pool *frame.Pool
	of   []Journey // by buffer
}

// NewJourneys returns the journeys of the packets in pool, none of which has met anything.
func NewJourneys(pool *frame.Pool) *Journeys {
	x := &Journeys{pool: pool}
	x.of = slab.New[Journey](x, pool.Buffers())
	return x
}

// Of returns the journey of a packet.
func (x *Journeys) Of(f frame.Frame) *Journey { return &x.of[x.pool.Buffer(f)] }

// Copy gives dup, a copy of f, its journey.
func (x *Journeys) Copy(dup, f frame.Frame) { *x.Of(dup) = *x.Of(f) }

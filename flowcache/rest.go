package flowcache

// How an exact-match cache, hints, and who asks for the latest flow find out whether they pay.
//
// What hints or the latest flow spare is a look-up under several masks or with lines of its own, and asking them in vain is little beside
// it: below a hit in eight, packets are better off without. The exact-match cache stands in front of hints, so that what it spares
// is little, while a packet that it looks up in vain and enters costs it two cache lines to read and two to write: with a hit in thirteen,
// by perf, as much as hints and comparison took. Half have to be hits.
const (
	restWindow = 1 << 14 // packets between two judgements
	restProbe  = 1 << 12 // packets between two judgements while the cache rests
	guessPays  = 8       // a hit in so many packets is the least that pays, for hints and the latest flow
	exactPays  = 2       // the same for the exact-match cache
	restBatch  = 16      // while the cache rests, one batch in so many is looked up all the same, and entered
)

// A rest is whether an exact-match cache is used, or hints are: not while there are many more flows than there is room for,
// each packet's being another.
type rest struct {
	asked, hits uint32 // since the last judgement
	resting     bool
	left        uint32 // batches to go by before one is looked up again
	skipped     bool   // the batch at hand was not looked up
}

// skip reports whether the cache sits this batch out.
func (r *rest) skip() bool {
	if !r.resting {
		return false
	}
	if r.left > 0 {
		r.left--
		r.skipped = true
		return true
	}
	r.left = restBatch - 1
	r.skipped = false
	return false
}

// saw takes note of a batch that was looked up. A hit in so many packets as pays says is the least that pays.
func (r *rest) saw(packets, hits int, pays uint32) {
	r.asked += uint32(packets)
	r.hits += uint32(hits)
	window := uint32(restWindow)
	if r.resting {
		window = restProbe
	}
	if r.asked < window {
		return
	}
	r.resting = r.hits*pays < r.asked
	r.skipped = false
	r.asked, r.hits = 0, 0
}

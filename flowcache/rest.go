package flowcache

// How an exact-match cache, and hints, find out whether they pay. Looking a packet up in vain and entering it costs a fifth of
// what the megaflow cache takes to find it; below a hit in eight, packets are better off without.
const (
	restWindow = 1 << 14 // packets between two judgements
	restProbe  = 1 << 12 // packets between two judgements while the cache rests
	restBelow  = 8       // a hit in so many packets is the least that pays
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

// saw takes note of a batch that was looked up.
func (r *rest) saw(packets, hits int) {
	r.asked += uint32(packets)
	r.hits += uint32(hits)
	window := uint32(restWindow)
	if r.resting {
		window = restProbe
	}
	if r.asked < window {
		return
	}
	r.resting = r.hits*restBelow < r.asked
	r.skipped = false
	r.asked, r.hits = 0, 0
}

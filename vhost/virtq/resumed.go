package virtq

// resumed are chains that an earlier process had taken and not given back: entries of the inflight region, in
// the order in which they had been taken.
type resumed struct {
	entries []uint16
	next    int // to take next
	taken   int // how many the batch in progress has
}

func (r *resumed) left() int { return len(r.entries) - r.next }

package vtep

// rates limits questions to so many a second in all, and in one network to half of that, as with places to wait: a guest that
// calls into the dark leaves the others theirs.
type rates struct {
	all   bucket
	nets  map[uint32]*bucket // of networks that have asked in the last second
	sweep int64              // ns: when those that have not are to be forgotten
}

func newRates(rate int, now int64) rates {
	return rates{all: newBucket(rate, now), nets: make(map[uint32]*bucket)}
}

// take takes a question of a network, if there is one.
func (r *rates) take(vni uint32, now int64) bool {
	if !r.all.ready(now) {
		return false
	}
	if now >= r.sweep { // a bucket that old is full: as one that is not there
		for n, b := range r.nets {
			if now-b.last >= billion {
				delete(r.nets, n)
			}
		}
		r.sweep = now + billion
	}
	b := r.nets[vni]
	if b == nil {
		one := newBucket(int(r.all.rate+1)/2, now)
		b = &one
		r.nets[vni] = b
	}
	return b.take(now) && r.all.take(now)
}

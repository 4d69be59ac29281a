package vtep

// A bucket limits something to so many a second, with bursts of a second's worth. The zero value lets
// nothing through.
type bucket struct {
	rate  int64 // a second
	level int64 // in billionths of one
	last  int64 // ns
}

const billion = 1_000_000_000

func newBucket(rate int, now int64) bucket {
	return bucket{rate: int64(rate), level: int64(rate) * billion, last: now}
}

// ready reports whether there is one to take. A clock that went back gains nothing.
func (b *bucket) ready(now int64) bool {
	if passed := now - b.last; passed > 0 {
		b.level = min(b.level+min(passed, billion)*b.rate, b.rate*billion)
		b.last = now
	}
	return b.level >= billion
}

// take takes one, if there is one.
func (b *bucket) take(now int64) bool {
	if !b.ready(now) {
		return false
	}
	b.level -= billion
	return true
}

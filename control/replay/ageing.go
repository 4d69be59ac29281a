package replay

// start is the time on the replay's clock when it begins, in ns: the clock of tables and caches starts when the
// machine does, and never shows 0.
const start = int64(3600e9)

// A clock shows the time of the captures. It does not go back: a packet that was captured before the one in front
// of it comes at that one's time.
type clock struct {
	origin int64 // ns since 1970 when the replay begins
	now    int64 // ns
	tick   int64 // ns, when the next walk over the caches is due
	every  int64 // ns between two walks
}

func newClock(origin, every int64) *clock {
	return &clock{origin: origin, now: start, tick: start + every, every: every}
}

// forward moves the clock to a time in ns since 1970 and has the caches walked over as often as it matters. In a gap
// between packets longer than two ticks, the walks between the first, which tells the tables of the traffic so far,
// and the last would find what these two find.
func (c *clock) forward(to int64, walk func()) {
	to = max(c.now, to-c.origin+start)
	if c.tick <= to {
		c.step(walk)
	}
	if late := (to - c.tick) / c.every; late > 0 {
		c.tick += late * c.every
	}
	if c.tick <= to {
		c.step(walk)
	}
	c.now = to
}

// step walks at the time of the tick.
func (c *clock) step(walk func()) {
	c.now = c.tick
	c.tick += c.every
	walk()
}

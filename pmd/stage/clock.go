package stage

import (
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/counter"
)

// Every is how many busy poll cycles there are to one that is timed. That one ends some 12 stages, at 50 to 60 cycles of the processor each.
// What that comes to is measured by make bench-stages: docs/performance.md has the figures.
const Every = 128

// packets is the counter behind those of the stages.
const packets = int(Count)

var counters = append(table[:], counter.Desc{Name: "packets", Help: "Packets received in timed poll cycles."})

// A Clock charges a worker's cycles to stages. The zero value times nothing, as does a poll cycle that is not its turn.
//
// Thread-safety: Times is safe for concurrent use, the other methods are the worker's.
type Clock struct {
	on    bool // the poll cycle in hand is timed
	in    Stage
	left  int   // busy poll cycles to go before one is timed
	mark  int64 // cycle counter when the stage in hand began
	spent [Count]uint64
	clock *cpu.Clock
	count *counter.Block
}

// New returns a clock that reads c.
func New(c *cpu.Clock) *Clock {
	return &Clock{clock: c, count: counter.NewBlock(counters)}
}

// Begin begins a poll cycle in stage [Rest]; now is the cycle counter.
func (c *Clock) Begin(now int64) {
	if c.left == 0 && c.clock != nil {
		c.on, c.in, c.mark = true, Rest, now
	}
}

// Enter begins a stage and returns the one that ends, for who wants to go on with it.
func (c *Clock) Enter(s Stage) Stage {
	if !c.on {
		return Rest
	}
	return c.enter(s)
}

func (c *Clock) enter(s Stage) Stage {
	now := c.clock.Cycles()
	was := c.in
	c.spent[was] += uint64(max(0, now-c.mark))
	c.in, c.mark = s, now
	return was
}

// End ends a poll cycle that received n packets. One that was not busy does not count: the next is timed in its place.
func (c *Clock) End(n int, busy bool) {
	switch {
	case !busy:
		if c.on {
			c.spent = [Count]uint64{}
		}
	case c.left > 0:
		c.left--
		return
	case c.on:
		c.enter(Rest)
		for s, cycles := range c.spent {
			c.count.Add(s, cycles)
		}
		c.count.Add(packets, uint64(n))
		c.spent = [Count]uint64{}
		c.left = Every - 1
	}
	c.on = false
}

// Publish shows readers what was counted.
func (c *Clock) Publish() { c.count.Publish() }

// Times are the cycles spent in timed poll cycles.
type Times struct {
	Packets uint64        // received in them
	Cycles  [Count]uint64 // of the processor, by Stage
}

// Times returns what was published.
func (c *Clock) Times() (t Times) {
	for s := range t.Cycles {
		t.Cycles[s] = c.count.Value(s)
	}
	t.Packets = c.count.Value(packets)
	return t
}

// Samples returns the cycles by name.
func (t Times) Samples() []counter.Sample {
	list := make([]counter.Sample, Count)
	for s, cycles := range t.Cycles {
		list[s] = counter.Sample{Desc: table[s], Value: cycles}
	}
	return list
}

// Less returns what has come to t since before.
func (t Times) Less(before Times) Times {
	t.Packets -= before.Packets
	for s := range t.Cycles {
		t.Cycles[s] -= before.Cycles[s]
	}
	return t
}

// PerPacket returns the cycles that a stage took for each packet received, 0 if there was none.
func (t Times) PerPacket(s Stage) float64 {
	if t.Packets == 0 {
		return 0
	}
	return float64(t.Cycles[s]) / float64(t.Packets)
}

package cpu

import (
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// firstCalibration is how long NewClock measures. Reading both clocks together is good to some
	// 50 ns, so the frequency is off by 5 parts in a million at first; Recalibrate measures over longer
	// times and takes that away.
	firstCalibration = 10 * time.Millisecond
	// maxSlew is the error that Recalibrate corrects by running faster or slower. Beyond it (the
	// machine was suspended or moved) the clock jumps.
	maxSlew = time.Millisecond
	// minBaseline is the shortest time between calibrations: shorter ones measure noise. Half of
	// maxBaseline to all of it is how far calibration looks back once it can: the longer, the less
	// noise, but time daemons change the monotonic clock's rate.
	minBaseline = 100 * time.Millisecond
	maxBaseline = time.Minute
)

// A Clock tells the time of CLOCK_MONOTONIC from the CPU's cycle counter: one RDTSC, about half of what
// the kernel's vDSO takes. Where the counter cannot be trusted it reads the monotonic clock and calls a
// nanosecond a cycle.
//
// The two drift apart by parts in a million; someone must call Recalibrate every few seconds, off the
// hot path.
//
// Thread-safety: all methods are safe for concurrent use. Time may run backwards a few nanoseconds when
// Recalibrate changes the slope, and further when it finds the clock more than 1 ms ahead; who cannot
// have that keeps the largest time seen.
type Clock struct {
	line atomic.Pointer[line]

	src    source
	why    string     // why src was chosen, for people
	mu     sync.Mutex // Recalibrate
	first  reading    // the far end of the baseline
	next   reading    // takes first's place when that is too old
	latest reading
}

// A source is a pair of clocks: the counter and what it is held against.
type source struct {
	counter   func() int64 // cycles
	monotonic func() int64 // ns
	same      bool         // counter is the monotonic clock
}

// A line converts cycles to nanoseconds: ns + (c-cycles)*mult/2^32.
type line struct {
	cycles int64
	ns     int64
	mult   uint64 // ns per cycle, 32 bits of fraction
}

// A reading is both clocks at one moment.
type reading struct{ cycles, ns int64 }

// NewClock returns a calibrated clock; it takes 10 ms.
func NewClock() *Clock {
	why := trusted(os.DirFS("/"))
	return newClock(systemSource(why == ""), why, time.Sleep)
}

// NewManualClock returns a clock that shows what now says, in nanoseconds: for runs on the time of a
// recording. now must be safe for concurrent use.
func NewManualClock(now func() int64) *Clock {
	return newClock(source{counter: now, monotonic: now, same: true}, "set by its owner", nil)
}

// systemSource reads this machine's clocks. The monotonic clock is read through the runtime, which
// uses the vDSO; base anchors its differences to CLOCK_MONOTONIC.
func systemSource(counter bool) source {
	var start time.Time
	var base int64
	width := int64(math.MaxInt64)
	for range 16 {
		before, t, after := monotonicNow(), time.Now(), monotonicNow()
		if after-before < width {
			width = after - before
			start, base = t, before+width/2
		}
	}
	s := source{monotonic: func() int64 { return base + int64(time.Since(start)) }}
	s.counter, s.same = s.monotonic, true
	if counter {
		s.counter, s.same = rdtsc, false
	}
	return s
}

func newClock(src source, why string, sleep func(time.Duration)) *Clock {
	c := &Clock{src: src, why: why}
	if src.same {
		c.line.Store(&line{mult: 1 << 32})
		return c
	}
	c.first = c.read()
	sleep(firstCalibration)
	c.latest = c.read()
	c.next = c.latest
	c.line.Store(&line{c.latest.cycles, c.latest.ns, slope(c.first, c.latest)})
	return c
}

// trusted returns why the cycle counter cannot be used as a clock, or "". The counter has to run at one
// rate in every power state (CPUID 80000007h EDX bit 8, which cpuid/v2 does not export and Linux shows
// as two flags) and alike on all CPUs, which Linux watches: it withdraws the clocksource when not.
func trusted(root fs.FS) (why string) {
	if !hasCounter {
		return "this build has no cycle counter"
	}
	info, err := fs.ReadFile(root, "proc/cpuinfo")
	if err != nil {
		return fmt.Sprintf("cannot tell whether the cycle counter is constant: %v", err)
	}
	for l := range strings.Lines(string(info)) {
		name, flags, ok := strings.Cut(l, ":")
		if !ok || strings.TrimSpace(name) != "flags" {
			continue
		}
		have := strings.Fields(flags)
		if !slices.Contains(have, "constant_tsc") || !slices.Contains(have, "nonstop_tsc") {
			return "the cycle counter changes its rate or stops"
		}
		break
	}
	list, err := fs.ReadFile(root, "sys/devices/system/clocksource/clocksource0/available_clocksource")
	if err != nil {
		return fmt.Sprintf("cannot tell whether the kernel trusts the cycle counter: %v", err)
	}
	if !slices.Contains(strings.Fields(string(list)), "tsc") {
		return "the kernel does not trust the cycle counter"
	}
	return ""
}

// Cycles returns the cycle counter, or nanoseconds where there is none.
func (c *Clock) Cycles() int64 { return c.src.counter() }

// At returns the time, in nanoseconds on the monotonic clock, at which Cycles returned cycles. It is
// exact for the recent past.
func (c *Clock) At(cycles int64) int64 {
	l := c.line.Load()
	return l.at(cycles)
}

// Now returns the time in nanoseconds on the monotonic clock.
func (c *Clock) Now() int64 { return c.At(c.Cycles()) }

// Frequency returns the cycles per second.
func (c *Clock) Frequency() float64 {
	return 1e9 * (1 << 32) / float64(c.line.Load().mult)
}

// Source says in words where the time comes from.
func (c *Clock) Source() string {
	if c.src.same {
		return "monotonic clock: " + c.why
	}
	return fmt.Sprintf("cycle counter at %.0f MHz", c.Frequency()/1e6)
}

// Recalibrate measures the counter's frequency over the last minute, or the time since NewClock, and
// steers the clock back to the monotonic clock within about as long as the time since the last call. It
// returns the error it found, in nanoseconds: positive when the clock was ahead.
func (c *Clock) Recalibrate() (ahead int64) {
	if c.src.same {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.read()
	period := r.ns - c.latest.ns
	old := c.line.Load()
	ahead = old.at(r.cycles) - r.ns
	switch {
	case ahead > int64(maxSlew) || ahead < -int64(maxSlew):
		// The counter's history is worth nothing: start over from here, keeping the slope.
		c.first, c.next, c.latest = r, r, r
		c.line.Store(&line{r.cycles, r.ns, old.mult})
	case period >= int64(minBaseline):
		mult := float64(slope(c.first, r)) * (1 - float64(ahead)/float64(period))
		c.latest = r
		if r.ns-c.next.ns > int64(maxBaseline/2) {
			c.first, c.next = c.next, r
		}
		c.line.Store(&line{r.cycles, r.ns + ahead, uint64(math.Round(mult))})
	}
	return ahead
}

// read takes both clocks at one moment: the closest of a few tries, since an interrupt may come in
// between.
func (c *Clock) read() reading {
	var best reading
	width := int64(math.MaxInt64)
	for range 16 {
		before := c.src.counter()
		ns := c.src.monotonic()
		after := c.src.counter()
		if after-before < width {
			width = after - before
			best = reading{before + width/2, ns}
		}
	}
	return best
}

// slope returns the nanoseconds per cycle between two readings, with 32 bits of fraction.
func slope(a, b reading) uint64 {
	cycles := max(1, b.cycles-a.cycles)
	return uint64(math.Round(float64(b.ns-a.ns) / float64(cycles) * (1 << 32)))
}

func (l *line) at(cycles int64) int64 {
	d := cycles - l.cycles
	if d < 0 { // read just before the line changed
		return l.ns - scale(uint64(-d), l.mult)
	}
	return l.ns + scale(uint64(d), l.mult)
}

func scale(d, mult uint64) int64 {
	hi, lo := bits.Mul64(d, mult)
	return int64(hi<<32 | lo>>32)
}

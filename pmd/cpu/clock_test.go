package cpu

import (
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// A fakeTime is a counter of hz cycles a second beside a monotonic clock.
type fakeTime struct {
	ns   float64
	hz   float64
	jump float64 // cycles the counter is off
}

func (f *fakeTime) source() source {
	return source{
		counter:   func() int64 { f.ns += 10; return int64(f.ns*f.hz/1e9 + f.jump) },
		monotonic: func() int64 { f.ns += 20; return int64(f.ns) },
	}
}

func (f *fakeTime) sleep(d time.Duration) { f.ns += float64(d) }

func TestTheClockFollowsTheMonotonicClock(t *testing.T) {
	for _, hz := range []float64{24e6, 1e9, 2.6e9, 5e9} {
		f := &fakeTime{ns: 1e15, hz: hz}
		c := newClock(f.source(), "", f.sleep)
		if got := c.Frequency(); math.Abs(got/hz-1) > 1e-5 {
			t.Errorf("frequency %.0f, want %.0f", got, hz)
		}
		last := int64(0)
		for range 1000 {
			f.sleep(time.Second)
			now := c.Now()
			if now <= last {
				t.Fatalf("time ran backwards: %d after %d", now, last)
			}
			last = now
			if ahead := c.Recalibrate(); ahead > 20_000 || ahead < -20_000 {
				t.Fatalf("the clock at %.0f Hz is %d ns ahead", hz, ahead)
			}
		}
		if off := c.Now() - int64(f.ns); off > 200 || off < -200 {
			t.Errorf("at %.0f Hz, after 1000 s the clock is %d ns off", hz, off)
		}
	}
}

func TestTheClockCorrectsDriftWithoutAJump(t *testing.T) {
	f := &fakeTime{ns: 1e12, hz: 2e9}
	c := newClock(f.source(), "", f.sleep)
	f.jump += 2e9 * 500e-6 // the counter gains half a millisecond
	before := c.Now()
	if ahead := c.Recalibrate(); ahead < 480_000 || ahead > 520_000 {
		t.Fatalf("found %d ns ahead, want 500000", ahead)
	}
	if now := c.Now(); now < before {
		t.Errorf("correcting made time run backwards, from %d to %d", before, now)
	}
	for range 90 {
		f.sleep(time.Second)
		c.Recalibrate()
	}
	if ahead := c.Recalibrate(); ahead > 1000 || ahead < -1000 {
		t.Errorf("still %d ns ahead after 90 s", ahead)
	}
}

func TestTheClockJumpsAfterASuspend(t *testing.T) {
	f := &fakeTime{ns: 1e12, hz: 2e9}
	c := newClock(f.source(), "", f.sleep)
	f.sleep(time.Second)
	f.jump -= 2e9 * 1 // the counter stood still
	c.Recalibrate()
	if off := c.Now() - int64(f.ns); off > 200 || off < -200 {
		t.Errorf("after the counter lost a second the clock is %d ns off", off)
	}
}

func TestWithoutACounterCyclesAreNanoseconds(t *testing.T) {
	src := systemSource(false)
	c := newClock(src, "for the test", func(time.Duration) { t.Error("it calibrates") })
	before := monotonicNow()
	cycles := c.Cycles()
	after := monotonicNow()
	if cycles < before-10_000 || cycles > after+10_000 || c.At(cycles) != cycles || c.Frequency() != 1e9 || c.Recalibrate() != 0 {
		t.Errorf("cycles %d between %d and %d, at %d, frequency %v", cycles, before, after, c.At(cycles), c.Frequency())
	}
	if !strings.Contains(c.Source(), "for the test") {
		t.Errorf("source %q does not say why", c.Source())
	}
}

func TestTheRealClockAgreesWithTheKernel(t *testing.T) {
	c := NewClock()
	t.Log(c.Source())
	best := int64(math.MaxInt64)
	for range 100 {
		before := monotonicNow()
		now := c.Now()
		after := monotonicNow()
		if after-before < best {
			best = after - before
			// 10 µs: the frequency is good to some parts in a million of less than a second.
			if now < before-10_000 || now > after+10_000 {
				t.Errorf("clock %d, kernel %d to %d", now, before, after)
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAnUntrustedCounterIsNotUsed(t *testing.T) {
	if !hasCounter {
		if why := trusted(fstest.MapFS{}); why == "" {
			t.Error("a build without counter trusts it")
		}
		return
	}
	const clocksource = "sys/devices/system/clocksource/clocksource0/available_clocksource"
	for _, c := range []struct{ name, flags, sources, want string }{
		{"a good one", "fpu constant_tsc nonstop_tsc", "tsc hpet", ""},
		{"it stops in deep sleep", "fpu constant_tsc", "tsc hpet", "stops"},
		{"its rate follows the CPU's", "fpu nonstop_tsc", "tsc hpet", "rate"},
		{"the kernel withdrew it", "constant_tsc nonstop_tsc", "hpet acpi_pm", "does not trust"},
		{"no flags known", "", "tsc", "changes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			why := trusted(fstest.MapFS{
				"proc/cpuinfo": {Data: []byte("processor\t: 0\nflags\t\t: " + c.flags + "\nbugs\t\t:\n")},
				clocksource:    {Data: []byte(c.sources + "\n")},
			})
			if c.want == "" && why != "" || !strings.Contains(why, c.want) {
				t.Errorf("got %q, want %q", why, c.want)
			}
		})
	}
	if why := trusted(fstest.MapFS{}); !strings.Contains(why, "cannot tell") {
		t.Errorf("nothing readable: got %q", why)
	}
}

func TestReadingTheClockAllocatesNothing(t *testing.T) {
	c := NewClock()
	if n := testing.AllocsPerRun(1000, func() { c.Now() }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// BenchmarkNow is a worker's look at the time, once per poll cycle, and the library's for comparison.
func BenchmarkNow(b *testing.B) {
	c := NewClock()
	b.Run("clock", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Now()
		}
	})
	b.Run("time.Now", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			time.Now()
		}
	})
}

package machine

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
)

// A Distance is how long a cache line takes from one CPU to another and back, in ns.
type Distance int

// Apart measures the distance of two CPUs: the best of several tries, some ms in all. It wants a
// GOMAXPROCS of at least 2.
func Apart(a, b int) Distance {
	const tries, turns = 10, 2000
	var line struct {
		_    [64]byte
		turn atomic.Uint32
		_    [60]byte
	}
	pin := func(c int) {
		runtime.LockOSThread() // never unlocked: the thread keeps its CPU, so it ends with the goroutine
		_ = cpu.Pin(c)         // elsewhere the figure is another, which the report shows
	}
	best := make(chan time.Duration)
	go func() {
		pin(b)
		for i := uint32(1); i < 2*tries*turns; i += 2 {
			for line.turn.Load() != i {
			}
			line.turn.Store(i + 1)
		}
	}()
	go func() {
		pin(a)
		least := time.Duration(1<<63 - 1)
		for try := range uint32(tries) {
			start := time.Now()
			for i := range uint32(turns) {
				n := 2 * (try*turns + i)
				line.turn.Store(n + 1)
				for line.turn.Load() != n+2 {
				}
			}
			least = min(least, time.Since(start))
		}
		best <- least
	}()
	return Distance((<-best).Nanoseconds() / turns)
}

package cpu

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// lastCPU returns a CPU that the process may use.
func lastCPU(t testing.TB) int {
	t.Helper()
	all, err := Affinity()
	if err != nil {
		t.Fatal(err)
	}
	cpus := slices.Collect(all.All())
	return cpus[len(cpus)-1]
}

// gaveUp returns how often a thread has gone to sleep: the runtime parked it, or it waited in a system call.
func gaveUp(t *testing.T, tid int) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(status), "\nvoluntary_ctxt_switches:")
	text, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if !ok || err != nil {
		t.Fatalf("voluntary_ctxt_switches: %q, %v", text, err)
	}
	return n
}

// spin calls f over and over for a while, on a goroutine of its own, and returns how often its thread was given up.
func spin(t *testing.T, begin, f func()) (times int) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		begin()
		tid := thread()
		before := gaveUp(t, tid)
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			f()
		}
		if thread() != tid {
			times = -1
			return
		}
		times = gaveUp(t, tid) - before
	}()
	<-done
	return times
}

func TestWhoKeepsItsSeatIsNotTakenOffItsThread(t *testing.T) {
	last := lastCPU(t)
	var locked, kept [5]int
	for i := range locked { // another process may have the CPU for longer than the runtime's patience
		locked[i] = spin(t, func() {
			runtime.LockOSThread()
			if err := Pin(last); err != nil {
				t.Error(err)
			}
		}, func() {})
		var seat *Seat
		kept[i] = spin(t, func() {
			var err error
			if seat, err = Take(last); err != nil {
				t.Error(err)
				seat = new(Seat)
			}
		}, func() { seat.Keep(monotonicNow()) })
		seat.Leave()
		if kept[i] >= 0 && kept[i] < locked[i]/4 {
			t.Logf("off its thread in a second: %d times with a lock, %d with a seat", locked[i], kept[i])
			return
		}
	}
	if slices.Contains(kept[:], -1) {
		t.Skipf("the machine is too busy to tell: off its thread in a second %v times with a lock, %v with a seat, -1 where it had to move", locked, kept)
	}
	t.Errorf("a seat does not help: off its thread in a second %v times with a lock, %v with a seat", locked, kept)
}

func TestASeatFollowsTheGoroutineToAnotherThread(t *testing.T) {
	home, err := Affinity()
	if err != nil {
		t.Fatal(err)
	}
	want := lastCPU(t)
	moved := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		seat, err := Take(want)
		if err != nil {
			t.Error(err)
			return
		}
		now := monotonicNow()
		for range 100 {
			for end := time.Now().Add(5 * time.Second); thread() == seat.tid && time.Now().Before(end); {
				runtime.Gosched() // to any thread that looks for work
			}
			now += yieldEvery
			moved = seat.Keep(now) || moved
		}
		for range 100 { // the goroutine may change threads between these two lines, though not every time
			if got, err := affinity(thread()); err == nil && got == SetOf(want) {
				break
			}
			now += yieldEvery
			seat.Keep(now)
		}
		if got, err := affinity(seat.tid); err != nil || got != SetOf(want) {
			t.Errorf("the thread may run on %v, %v; want CPU %d", got, err, want)
		}
		seat.Leave()
	}()
	<-done
	if !moved {
		t.Error("the runtime never gave the goroutine another thread")
	}
	tids, err := threads()
	if err != nil {
		t.Fatal(err)
	}
	for _, tid := range tids {
		if got, err := affinity(tid); err == nil && got != home {
			t.Errorf("thread %d may run on %v, want %v as before", tid, got, home)
		}
	}
}

func TestThreadsThatInheritedABindingGoHome(t *testing.T) {
	home, err := Affinity()
	if err != nil {
		t.Fatal(err)
	}
	if home.Len() < 2 {
		t.Skip("one CPU: there is nowhere to go")
	}
	bound, taken, free := make(chan int), make(chan struct{}), make(chan struct{})
	defer close(free)
	go func() {
		runtime.LockOSThread() // ends with the goroutine, and is not the seat's
		bound <- 0
		<-taken
		if err := Pin(lastCPU(t)); err != nil {
			t.Error(err)
		}
		bound <- thread()
		<-free
	}()
	<-bound
	seat, err := Take(lastCPU(t))
	if err != nil {
		t.Fatal(err)
	}
	defer seat.Leave()
	close(taken)
	tid := <-bound
	if err := Tidy(); err != nil {
		t.Fatal(err)
	}
	if got, err := affinity(tid); err != nil || got != home {
		t.Errorf("the thread may run on %v, %v; want %v", got, err, home)
	}
	if got, err := affinity(seat.tid); err != nil || got != SetOf(seat.cpu) {
		t.Errorf("the seat's thread may run on %v, %v; want CPU %d", got, err, seat.cpu)
	}
}

func TestASeatIsRefusedOnCPUsThatAreNotThere(t *testing.T) {
	for _, c := range []int{MaxCPUs, MaxCPUs - 1} {
		if _, err := Take(c); err == nil || !strings.Contains(err.Error(), "pin to CPU") {
			t.Errorf("CPU %d: got %v, want an error", c, err)
		}
	}
}

func TestASeatOnAnyCPUBindsNothing(t *testing.T) {
	before, err := Affinity()
	if err != nil {
		t.Fatal(err)
	}
	seat, err := Take(-1)
	if err != nil {
		t.Fatal(err)
	}
	defer seat.Leave()
	if seat.Keep(yieldEvery) {
		t.Error("a seat on any CPU says that it has moved")
	}
	if after, err := Affinity(); err != nil || after != before {
		t.Errorf("the thread may run on %v, %v; want %v", after, err, before)
	}
}

// BenchmarkKeep is what a poll cycle pays for its seat, most of the time, at each look and at each yield.
func BenchmarkKeep(b *testing.B) {
	for _, c := range []struct {
		name string
		step int64
	}{{"between looks", 0}, {"look", lookEvery}, {"yield", yieldEvery}} {
		b.Run(c.name, func(b *testing.B) {
			seat, err := Take(lastCPU(b))
			if err != nil {
				b.Fatal(err)
			}
			defer seat.Leave()
			b.ReportAllocs()
			now := int64(1)
			for b.Loop() {
				now += c.step
				if c.name == "look" {
					seat.yield = now + 1
				}
				seat.Keep(now)
			}
		})
	}
}

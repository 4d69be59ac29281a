package machine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd/cpu"
)

func TestTheThreadThatHasACPUMostIsFound(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		t.Skip(err)
	}
	all, err := cpu.Affinity()
	if err != nil || !all.Has(0) || !all.Has(1) {
		t.Skip("needs CPUs 0 and 1, to pin threads to one of them")
	}
	end := make(chan struct{})
	var ended sync.WaitGroup
	defer func() { close(end); ended.Wait() }()
	used := func(clock int32) time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(clock, &ts); err != nil {
			t.Error(err)
		}
		return time.Duration(ts.Nano())
	}
	// pin returns a thread on CPU 1 alone that waits, or first runs until it has run for longer than all others together: threads that the
	// runtime had before may have run, too.
	pin := func(most bool) (tid int) {
		ready := make(chan int)
		ended.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if err := cpu.Pin(1); err != nil {
				t.Error(err)
			}
			for most && used(unix.CLOCK_THREAD_CPUTIME_ID) < used(unix.CLOCK_PROCESS_CPUTIME_ID)/2+20*time.Millisecond {
			}
			ready <- unix.Gettid()
			<-end
		})
		return <-ready
	}
	pin(false)
	busy := pin(true)
	pin(false)
	s, err := SlicesOf(os.Getpid(), 1)
	if err != nil || s == nil {
		t.Fatalf("got %v, %v", s, err)
	}
	defer s.Close()
	if want := fmt.Sprintf("/task/%d/", busy); !strings.Contains(s.file.Name(), want) {
		t.Errorf("got %s, want the thread %d", s.file.Name(), busy)
	}
	if n, err := s.Count(); err != nil || n == 0 {
		t.Errorf("the thread was given its CPU %d times, %v", n, err)
	}
}

func TestAProcessThatIsGoneHasNoSlices(t *testing.T) {
	if s, err := SlicesOf(1<<30, 0); s != nil || err != nil {
		t.Errorf("got %v, %v", s, err)
	}
}

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
	// pin returns a thread on CPU 1 alone that has run for as long, and how long it has: it may have done other work before.
	pin := func(least time.Duration) (tid int, ran time.Duration) {
		ready := make(chan int)
		ended.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if err := cpu.Pin(1); err != nil {
				t.Error(err)
			}
			for ok := true; ok; ok = ran < least {
				var ts unix.Timespec
				if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
					t.Error(err)
				}
				ran = time.Duration(ts.Nano())
			}
			ready <- unix.Gettid()
			<-end
		})
		return <-ready, ran
	}
	_, one := pin(0)
	_, two := pin(0)
	busy, _ := pin(max(one, two) + 20*time.Millisecond)
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

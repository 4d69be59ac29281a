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
	// pin returns a thread on CPU 1 alone that runs, or waits.
	pin := func(run bool) (tid int) {
		ready := make(chan int)
		ended.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if err := cpu.Pin(1); err != nil {
				t.Error(err)
			}
			ready <- unix.Gettid()
			for run {
				select {
				case <-end:
					return
				default:
				}
			}
			<-end
		})
		return <-ready
	}
	pin(false)
	pin(false)
	busy := fmt.Sprintf("/task/%d/", pin(true))
	// The others may have run for a while, too, before they were what they are.
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		s, err := SlicesOf(os.Getpid(), 1)
		if err != nil || s == nil {
			t.Fatalf("got %v, %v", s, err)
		}
		n, err := s.Count()
		if err != nil || n == 0 {
			t.Errorf("the thread was given its CPU %d times, %v", n, err)
		}
		name := s.file.Name()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(name, busy) {
			return
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("got %s, want %s, which runs all the time", name, busy)
		}
	}
}

func TestAProcessThatIsGoneHasNoSlices(t *testing.T) {
	if s, err := SlicesOf(1<<30, 0); s != nil || err != nil {
		t.Errorf("got %v, %v", s, err)
	}
}

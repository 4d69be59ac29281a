package machine

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestTheBusiestThreadGetsItsCPUAgainAndAgain(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		t.Skip(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		runtime.LockOSThread()
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Microsecond): // the thread sleeps, and is given its CPU again
			default:
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	var s *Slices
	for end := time.Now().Add(20 * time.Second); s == nil; {
		var err error
		if s, err = SlicesOf(os.Getpid(), 100*time.Millisecond); err != nil && time.Now().After(end) {
			t.Fatal(err)
		}
	}
	defer s.Close()
	n, err := s.Count()
	if err != nil || n == 0 {
		t.Fatalf("the thread was given its CPU %d times, %v", n, err)
	}
}

func TestAProcessThatIsGoneHasNoSlices(t *testing.T) {
	if s, err := SlicesOf(1<<30, 0); err == nil {
		t.Errorf("got %v", s)
	}
}

package machine

import (
	"os"
	"runtime"
	"testing"

	"github.com/culvertdev/culvert/pmd/cpu"
)

func TestAThreadWithACPUOfItsOwnIsFound(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		t.Skip(err)
	}
	all, err := cpu.Affinity()
	if err != nil || !all.Has(0) || !all.Has(1) {
		t.Skip("needs CPUs 0 and 1, to pin a thread to one of them")
	}
	pinned, stop, stopped := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		pinned <- cpu.Pin(1)
		<-stop
	}()
	defer func() { close(stop); <-stopped }()
	if err := <-pinned; err != nil {
		t.Skip(err)
	}
	s, err := SlicesOf(os.Getpid(), 1)
	if err != nil || s == nil {
		t.Fatalf("got %v, %v", s, err)
	}
	defer s.Close()
	if n, err := s.Count(); err != nil || n == 0 {
		t.Errorf("the thread was given its CPU %d times, %v", n, err)
	}
}

func TestAProcessThatIsGoneHasNoSlices(t *testing.T) {
	if s, err := SlicesOf(1<<30, 0); s != nil || err != nil {
		t.Errorf("got %v, %v", s, err)
	}
}
